//! Whether users' archives keep what is sent, and let the gateway read it.

use std::time::Duration;

use jid::BareJid;

use crate::chat::check::findings::untried;
use crate::chat::check::guests::Who;
use crate::chat::check::{Check, PATIENCE};
use crate::chat::server::archive::Archive;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::xml::element::{Build as _, child_text, client};
use crate::xmpp::mam::Page;

/// Pauses between looks at the archive: a server archives beside what it delivers.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: usize = 30;

impl Check<'_> {
    /// A message to a guest must be found in their archive; where there is no guest, somebody's archive is read. It is the
    /// gateway's own: a server that lets nobody send in the name of users closes the link, and that is tried last.
    pub(in crate::chat) async fn check_archive(
        &self,
        product: Product,
        who: &Who,
        realm: &Realm,
    ) -> Result<String, String> {
        let domain = realm.domain.as_str();
        if let Some(guest) = who.guest(domain) {
            return self.check_archived(product, guest).await;
        }
        let listed = match who.at(domain) {
            Some(_) => None,
            None if product == Product::Ejabberd && !self.server.sessions.granted() => None,
            None => {
                let accounts = self.accounts.accounts(&self.call(), realm).await.map_err(|error| error.to_string())?;
                accounts.into_iter().next()
            }
        };
        let Some(user) = who.at(domain).or(listed.as_ref()) else {
            let session = match product {
                Product::Ejabberd => self.has_grant()?,
                Product::Prosody => "the module stanzagate answers",
            };
            return Ok(untried(&format!("{session}, and there is no account at {domain} whose archive could be read")));
        };
        let found = self.read_archive(product, user).await?;
        Ok(untried(&format!(
            "an archive at {domain} was read ({} in it), and no account could be made to which a message may be sent",
            if found.is_empty() { "nothing" } else { "messages" }
        )))
    }

    async fn check_archived(&self, product: Product, guest: &BareJid) -> Result<String, String> {
        let call = self.call();
        let mark = format!("A trial of stanzagate check: {:016x}", rand::random::<u64>());
        let body = client("body").text_of(&mark);
        let message = client("message")
            .with("type", "chat")
            .with("id", self.server.link.new_id(&call))
            .with("from", self.server.component.as_str())
            .with("to", guest.as_str())
            .child(body);
        match self.server.link.send_routed(&call, &message).await {
            Ok(None) => {}
            Ok(Some(bounce)) => {
                let error = crate::xmpp::stanza_error::StanzaError::read(&bounce);
                return Err(format!("a message to {guest} came back: {error}"));
            }
            Err(error) => return Err(error.to_string()),
        }
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let bodies = self.read_archive(product, guest).await?;
            if bodies.contains(&mark) {
                return Ok("a message was sent, and read from its recipient's archive".into());
            }
        }
        Err(format!("a message was sent and its recipient's archive does not have it: {}", keeps(product)))
    }

    /// The bodies of the newest messages of an archive.
    async fn read_archive(&self, product: Product, user: &BareJid) -> Result<Vec<String>, String> {
        let page = Page { max: 5, ..Page::default() };
        match self.server.archive_page(&self.call_of(PATIENCE), Archive::User(user), &page).await {
            Ok(Ok((gathered, _))) => {
                let bodies =
                    gathered.entries.iter().filter_map(|entry| child_text(&entry.message, "body", crate::xml::CLIENT));
                Ok(bodies.collect())
            }
            Ok(Err(error)) => Err(format!("the archive of {user} cannot be read ({error}): {}", keeps(product))),
            Err(error @ ChatError::Right(_)) => Err(error.to_string()),
            Err(error) => Err(format!("the archive of {user} cannot be read: {error}")),
        }
    }
}

/// What makes archives.
fn keeps(product: Product) -> &'static str {
    match product {
        Product::Ejabberd => "ejabberd keeps one with mod_mam and its default: always",
        Product::Prosody => {
            "Prosody keeps one with \"mam\" in the VirtualHost's modules_enabled and default_archive_policy = true"
        }
    }
}
