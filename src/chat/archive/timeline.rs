//! A moment of its own for every entry of an archive, from stamps that several entries share.
//!
//! Prosody 0.12 stamps entries with whole seconds, the others with microseconds. An entry's moment is its stamp, or one
//! millisecond after the moment of the entry before it where that is later. So it depends on the entries before; but
//! after a pause of [`PAUSE`] nothing of them is left, and reading may begin there.

/// A pause in milliseconds after which an entry's moment is its stamp, whatever stands before: unless so many entries
/// share one stamp that their moments fill the pause.
const PAUSE: u64 = 20;

/// The moments of entries with these stamps, in milliseconds: strictly ascending, none before its stamp.
pub(in crate::chat) fn moments(stamps: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut last = None;
    let after = |stamp: u64| {
        let moment = last.map_or(stamp, |last: u64| stamp.max(last.saturating_add(1)));
        last = Some(moment);
        moment
    };
    stamps.into_iter().map(after).collect()
}

/// The first entry that stands behind a pause. From there on [`moments`] says the same whatever stands before.
pub(in crate::chat) fn first_after_pause(stamps: &[u64]) -> Option<usize> {
    let pause = stamps.windows(2).position(|pair| matches!(pair, [one, next] if *next >= one.saturating_add(PAUSE)))?;
    Some(pause + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_stamps_are_told_apart_in_their_order() {
        assert_eq!(moments([5000, 5000, 5000, 6000]), [5000, 5001, 5002, 6000]);
        assert_eq!(moments([5000, 5000, 5001, 5001]), [5000, 5001, 5002, 5003]);
        assert_eq!(moments([5000, 4000]), [5000, 5001], "a clock that was set back");
        assert_eq!(first_after_pause(&[5000, 5000, 6000, 6000]), Some(2));
        assert_eq!(first_after_pause(&[5000, 5001, 5002]), None);
        assert_eq!(first_after_pause(&[]), None);
    }

    proptest! {
        /// Wherever reading begins behind a pause, it gives what reading from the beginning gives.
        #[test]
        fn moments_do_not_depend_on_where_reading_begins(
            steps in prop::collection::vec(prop_oneof![3 => Just(0u64), 2 => 1u64..5, 2 => 20u64..3000], 1..200),
            seconds: bool,
        ) {
            let mut clock = 1_700_000_000_000u64;
            let mut stamps = Vec::new();
            for step in steps {
                clock += step;
                stamps.push(if seconds { clock / 1000 * 1000 } else { clock });
            }
            // The promise holds for archives that are not stamped faster than time passes.
            let whole = moments(stamps.iter().copied());
            let crowded = whole.iter().zip(&stamps).any(|(moment, stamp)| moment - stamp >= PAUSE);
            prop_assume!(seconds || !crowded);
            for from in 0..stamps.len() {
                if let Some(at) = first_after_pause(&stamps[from..]) {
                    let part = moments(stamps[from + at..].iter().copied());
                    prop_assert_eq!(&part[..], &whole[from + at..]);
                }
            }
        }
    }
}
