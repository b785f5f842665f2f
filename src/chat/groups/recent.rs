//! The last messages of groups.

use futures::{StreamExt as _, stream};

use crate::chat::archive::history::{Span, Stored};
use crate::chat::groups::{Group, Groups};
use crate::chat::types::card::CardChild;
use crate::chat::types::error::ChatError;
use crate::link::Call;

/// Archives of rooms that are asked side by side.
const ARCHIVES: usize = 16;

impl Groups {
    /// The last message of each of `groups` in the span, side by side. Its limit is one.
    pub async fn last_in_groups(
        &self,
        call: &Call,
        groups: &[Group],
        span: Span,
        child: CardChild,
    ) -> Vec<Result<Option<Stored>, ChatError>> {
        let span = Span { limit: 1, ..span };
        let questions = stream::iter(groups.to_vec()).map(async |group: Group| {
            let last = self.histories.room_entries(call, &group.room, span, group.cleared_ms, child).await;
            Ok(last?.pop())
        });
        questions.buffered(ARCHIVES).collect().await
    }
}
