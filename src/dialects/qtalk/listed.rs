//! Members of a room as the API lists them.

use serde::{Serialize, Serializer};

use crate::chat::types::room::Member;

/// Members as the API lists them.
#[derive(Debug, Clone)]
pub struct Listed(pub Vec<Member>);

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "U")]
    user: &'a str,
    #[serde(rename = "H")]
    host: &'a str,
    #[serde(rename = "N")]
    nick: &'a str,
}

impl Serialize for Listed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|Member { jid, nick, .. }| Entry {
            user: jid.node().map_or("", |node| node.as_str()),
            host: jid.domain().as_str(),
            nick,
        }))
    }
}
