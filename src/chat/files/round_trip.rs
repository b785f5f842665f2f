//! A file that is put and got back, to see that uploads work as a whole.

use std::time::Instant;

use bytes::Bytes;
use reqwest::header::HOST;
use reqwest::{StatusCode, Url};

use crate::causes::innermost;
use crate::chat::files::Files;
use crate::chat::files::file::{Content, authority, web_url};
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::link::Call;

/// The name of the file, and its kind.
const NAME: &str = "stanzagate-check.txt";
const KIND: &str = "text/plain";

/// One of the two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Put,
    Get,
}

impl Files {
    /// Puts `bytes` at the realm's upload service as clients would, gets them from where anybody gets a file, and compares.
    /// Nothing takes the file away again (XEP-0363 knows no way): the server forgets it when it forgets all others.
    ///
    /// # Errors
    /// What did not work, and what to look at.
    pub(in crate::chat) async fn round_trip(
        &self,
        call: &Call,
        realm: &Realm,
        product: Product,
        bytes: &'static [u8],
    ) -> Result<(), ChatError> {
        let content = Content::Memory(Bytes::from_static(bytes));
        let slot = self.slot(call, realm, NAME, content.size(), KIND).await?;
        let (put, get) = (web_url(&slot.put)?, web_url(&slot.get)?);
        let told = |half, url: &Url, why: &str| {
            ChatError::Storage(format!("{why}. {}", advice(half, product, realm, &authority(url))))
        };
        match self.put(call, &put, &slot, KIND, &content).await {
            Err(ChatError::Storage(why)) => return Err(told(Half::Put, &put, &why)),
            other => other?,
        }
        let got = self.get(call, &get, bytes.len()).await.map_err(|why| {
            told(
                Half::Get,
                &get,
                &format!("the file was taken, and what was got of it from {}: {why}", authority(&get)),
            )
        })?;
        if got == bytes {
            return Ok(());
        }
        Err(told(Half::Get, &get, &format!("what {} gives is not the file that was put", authority(&get))))
    }

    /// What is at a URL, and no more than a byte over `most` of it.
    async fn get(&self, call: &Call, given: &Url, most: usize) -> Result<Vec<u8>, String> {
        let url = self.reached(given).map_err(|error| error.to_string())?;
        let client = self.storage.client(&self.server, &url)?;
        let left = call.deadline.saturating_duration_since(Instant::now());
        let answer = client.get(url).timeout(left).header(HOST, authority(given)).send().await;
        let said = |error: reqwest::Error| match error.is_timeout() {
            true => "no answer in time".to_owned(),
            false => innermost(&error.without_url()),
        };
        let mut answer = answer.map_err(said)?;
        if answer.status() != StatusCode::OK {
            return Err(answer.status().to_string());
        }
        let mut got = Vec::new();
        while got.len() <= most {
            let Some(chunk) = answer.chunk().await.map_err(said)? else { break };
            got.extend_from_slice(&chunk);
        }
        Ok(got)
    }
}

/// What an operator looks at when one half fails.
fn advice(half: Half, product: Product, realm: &Realm, at: &str) -> String {
    let upload = realm.upload.as_str();
    let server = match (product, half) {
        (Product::Ejabberd, Half::Put) => {
            "ejabberd: put_url of mod_http_upload must lead to an ejabberd_http listener that has mod_http_upload among its \
             request_handlers under the same path"
                .to_owned()
        }
        (Product::Ejabberd, Half::Get) => {
            "ejabberd: get_url of mod_http_upload must lead to what is in its docroot".to_owned()
        }
        (Product::Prosody, _) => format!(
            "Prosody: an HTTP port must be open there, and know {upload} by that name: http_external_url of Component \
             \"{upload}\" leads to it, and http_host there, or http_default_host = \"{upload}\" globally, has what comes to \
             another name answered by {upload}"
        ),
    };
    format!("{server}. Clients go to {at}; where the gateway goes another way, server.upload_origin names it")
}
