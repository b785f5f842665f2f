//! A report for people.

use std::fmt::{self, Display, Formatter};

use super::report::{Report, Tried, Worked};

/// A style of the terminal: what is written before and behind a word.
pub type Style = (&'static str, &'static str);

/// How words are marked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Styles {
    /// What is there.
    pub good: Style,
    /// What is missing.
    pub bad: Style,
    /// What does less, and notes.
    pub less: Style,
    /// Headings.
    pub heading: Style,
}

impl Styles {
    /// Those of a terminal (ECMA-48).
    pub const TERMINAL: Styles = Styles {
        good: ("\x1b[32m", "\x1b[0m"),
        bad: ("\x1b[1;31m", "\x1b[0m"),
        less: ("\x1b[33m", "\x1b[0m"),
        heading: ("\x1b[1m", "\x1b[0m"),
    };
}

/// The text of a report.
#[derive(Debug)]
pub struct Text<'a> {
    /// What was found.
    pub report: &'a Report,
    /// How words are marked.
    pub styles: Styles,
}

impl Display for Text<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Report { failure, causes, rights, notes, calls, .. } = self.report;
        // What explains the most comes first.
        if let Some(failure) = failure {
            writeln!(out, "{}\n", styled(self.styles.bad, failure))?;
        }
        for cause in causes {
            writeln!(
                out,
                "{}\n  missing for this alone: {}\n",
                styled(self.styles.bad, &cause.why),
                cause.rights.join(", ")
            )?;
        }
        let mut group = "";
        for right in rights {
            if right.group != group {
                group = &right.group;
                writeln!(out, "{}", styled(self.styles.heading, group))?;
            }
            self.right(right, out)?;
        }
        if !notes.is_empty() {
            writeln!(out)?;
        }
        for note in notes {
            writeln!(out, "{} {}", styled(self.styles.less, "note:"), note.trim_end())?;
        }
        if !calls.is_empty() {
            writeln!(out, "\n{}", styled(self.styles.heading, "calls"))?;
        }
        for of_one_api in calls.chunk_by(|one, other| api(one) == api(other)) {
            self.api(of_one_api, out)?;
        }
        self.advice(out)
    }
}

impl Text<'_> {
    fn right(&self, right: &Tried, out: &mut Formatter<'_>) -> fmt::Result {
        let Tried { right: name, granted, proved, says, cause, .. } = right;
        let (style, sign) = match (granted, proved) {
            (true, true) => (self.styles.good, "ok"),
            (true, false) => (self.styles.less, "?"),
            (false, _) => (self.styles.bad, "MISSING"),
        };
        let says = match cause {
            // It stands above.
            Some(_) => "see above",
            None => says,
        };
        let space = " ".repeat(9usize.saturating_sub(sign.len()));
        writeln!(out, "  {name:<20} {}{space}{says}", styled(style, sign))
    }

    /// The calls of one API: how many work, and of the others what they lack.
    fn api(&self, calls: &[Worked], out: &mut Formatter<'_>) -> fmt::Result {
        let working = calls.iter().filter(|call| call.lacks.is_empty()).count();
        let style = if working == calls.len() { self.styles.good } else { self.styles.bad };
        let says = format!("{working} of {} work", calls.len());
        writeln!(out, "  {:<20} {}", calls.first().map_or("", api), styled(style, &says))?;
        for Worked { call, lacks, without } in calls {
            if !lacks.is_empty() {
                writeln!(
                    out,
                    "    {call:<34} {}: {}",
                    styled(self.styles.bad, "cannot work without"),
                    lacks.join(", ")
                )?;
            } else if !without.is_empty() {
                writeln!(out, "    {call:<34} {}: {}", styled(self.styles.less, "works, without"), without.join(", "))?;
            }
        }
        Ok(())
    }

    fn advice(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Report { setup, lines, .. } = self.report;
        if lines.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        if let Some(setup) = setup {
            writeln!(
                out,
                "Where the server is on this machine, this shows what is missing, and adds it with --write:\n\n    {setup}\n"
            )?;
            writeln!(out, "By hand, add to the server's configuration (whole files are in config/):")?;
        } else {
            writeln!(out, "Look at the server's configuration:")?;
        }
        for section in lines {
            writeln!(out, "\n{}", styled(self.styles.heading, &section.place))?;
            if !section.lines.is_empty() {
                writeln!(out, "{}", section.lines)?;
            }
        }
        Ok(())
    }
}

fn api(call: &Worked) -> &str {
    call.call.split_once('/').map_or("settings", |(api, _)| api)
}

fn styled((before, behind): Style, text: &str) -> String {
    format!("{before}{text}{behind}")
}
