//! The links beside the first: whether each is let in and may send in the name of users.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use crate::chat::check::Check;
use crate::chat::server::links::try_as_user;
use crate::link::{Link, LinkState};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

impl Check<'_> {
    /// What trying them showed; nothing when there are none.
    pub(in crate::chat) async fn check_extra_links(&self) -> Option<Result<String, String>> {
        let tried =
            join_all(self.server.links.extra().map(|(name, link)| async move {
                self.check_link(link).await.map_err(|why| format!("{name}: {why}"))
            }))
            .await;
        let count = tried.len();
        match tried.into_iter().find_map(Result::err) {
            Some(why) => Some(Err(why)),
            None if count == 0 => None,
            None => Some(Ok(format!("{count} beside the first, for messages to users"))),
        }
    }

    async fn check_link(&self, link: &Link) -> Result<(), String> {
        let mut state = link.state();
        let tried = timeout(CONNECT, state.wait_for(LinkState::is_tried)).await;
        match tried.ok().and_then(Result::ok).as_deref() {
            Some(LinkState::Down(why)) => return Err(why.to_string()),
            Some(_) => {}
            None => return Err("no answer".into()),
        }
        try_as_user(link, &self.server.addresses, &self.call()).await
    }
}
