//! The profiles of many users at once, on real servers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::BareJid;
use sha2::{Digest, Sha256};
use stanzagate::chat::accounts::profile::{PhotoRef, Profile};
use stanzagate::chat::types::error::ChatError;

use crate::on_oldest_and_newest;
use crate::support::verbs::call;
use crate::support::{Client, Server, Verbs, account, fresh};

on_oldest_and_newest!(reads_each_in_its_place, bounds_what_users_say);

/// One transparent pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

impl Verbs {
    async fn profiles(&'static self, users: &[&str]) -> Vec<Result<Profile, ChatError>> {
        let users: Vec<BareJid> = users.iter().map(|user| BareJid::new(user).expect("a JID")).collect();
        self.run(async move { self.chat.accounts.profiles(&call(), &users).await }).await
    }
}

fn empty(name: &str) -> Profile {
    Profile { nick: name.to_owned(), full_name: None, role: None, photo: None }
}

async fn reads_each_in_its_place(server: Server) {
    let (rig, verbs) = (server.shared(), Verbs::shared(server).await);
    let (alice, bob, carol) = (account(rig, "alice"), account(rig, "bob"), account(rig, "carol"));
    let photo = format!("<PHOTO><TYPE>image/svg+xml</TYPE><BINVAL>{PNG}</BINVAL></PHOTO>");
    let card = format!("<FN>Alice Adams</FN><NICKNAME>测试 &lt;b&gt;</NICKNAME><ROLE> A </ROLE>{photo}");
    Client::login(rig, &alice).await.set_vcard(&card).await;
    Client::login(rig, &bob).await.set_vcard("<FN>Bob Brown</FN><ROLE/>").await;
    let bytes = STANDARD.decode(PNG).expect("base64");
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let alices = Profile {
        nick: "测试 <b>".into(),
        full_name: Some("Alice Adams".into()),
        role: Some("A".into()),
        photo: Some(PhotoRef::Binary { sha256, media_type: "image/png" }),
    };
    let bobs = Profile { nick: "Bob Brown".into(), full_name: Some("Bob Brown".into()), ..empty("") };

    // More than are asked at a time.
    let nobodies: Vec<String> = (0..150).map(|_| fresh("nobody")).collect();
    let mut users: Vec<(String, Profile)> =
        nobodies.iter().map(|name| (format!("{name}@example.org"), empty(name))).collect();
    for (place, account, profile) in
        [(0, &alice, &alices), (63, &bob, &bobs), (64, &alice, &alices), (120, &carol, &empty(&carol.name))]
    {
        users.insert(place, (account.jid.clone(), profile.clone()));
    }
    let (asked, expected): (Vec<&str>, Vec<&Profile>) = users.iter().map(|(user, is)| (user.as_str(), is)).unzip();
    let read: Vec<Profile> = verbs.profiles(&asked).await.into_iter().map(|read| read.expect("a profile")).collect();
    assert_eq!(read.iter().collect::<Vec<_>>(), expected);
    assert_eq!(verbs.profiles(&[]).await.len(), 0);

    // The failure of one is no other's.
    let mut mixed = verbs.profiles(&[&bob.jid, "dave@elsewhere.invalid", &alice.jid]).await.into_iter();
    assert_eq!(mixed.next().expect("three").expect("his"), bobs);
    let failed = mixed.next().expect("three");
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!(mixed.next().expect("three").expect("hers"), alices);
}

async fn bounds_what_users_say(server: Server) {
    let (rig, verbs) = (server.shared(), Verbs::shared(server).await);
    let mallory = account(rig, "mallory");
    let card = |n: usize| {
        format!("<FN>{}</FN><NICKNAME>{}</NICKNAME><ROLE>{}</ROLE>", "测".repeat(n), "n".repeat(n), "r".repeat(n))
    };
    let client = Client::login(rig, &mallory).await;
    for (said, kept) in [(256, 256), (257, 256), (5000, 256)] {
        client.set_vcard(&card(said)).await;
        let profile = verbs.profiles(&[&mallory.jid]).await.remove(0).expect("a profile");
        assert_eq!(profile.full_name, Some("测".repeat(kept)));
        assert_eq!((profile.nick, profile.role), ("n".repeat(kept), Some("r".repeat(kept))));
    }
}
