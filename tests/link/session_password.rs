//! Password checks against real servers of both products and both generations.

use std::path::PathBuf;

use jid::BareJid;
use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Product, Rig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::session_support::*;

/// What the server offers to a client that has just connected.
async fn features(rig: &Rig) -> String {
    let mut tcp = tokio::net::TcpStream::connect(rig.c2s_addr()).await.expect("c2s");
    let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                  to='example.org' version='1.0'>";
    tcp.write_all(header.as_bytes()).await.expect("written");
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("</stream:features>") {
        assert_ne!(tcp.read_buf(&mut read).await.expect("features"), 0);
    }
    String::from_utf8_lossy(&read).into_owned()
}

async fn tells_right_from_wrong(server: Product, root: Option<PathBuf>, grant: Grant, scram: bool) {
    let rig = start(server, root, grant);
    assert_eq!(features(&rig).await.contains("SCRAM-SHA-1"), scram, "the mechanism this test is about");
    let proxy = Proxy::to(rig.c2s_addr()).await;
    let mut config = rig.gateway_config();
    config.c2s.address = proxy.address.to_string();
    let sessions = sessions(config);
    let (alice, carol) = (&rig.users()["alice"], &rig.users()["carol"]);
    let check = |user: BareJid, password: String| {
        let sessions = sessions.clone();
        async move { sessions.check_password(&call(), &user, &password).await.expect("an answer") }
    };
    assert!(check(jid("alice"), alice.clone()).await);
    assert!(!check(jid("alice"), carol.clone()).await);
    assert!(!check(jid("nobody"), alice.clone()).await);
    assert!(!check(jid("alice"), "пароль-密码-\u{1F511}".into()).await);
    assert!(!check(jid("alice"), format!("{alice} ")).await);
    assert!(!check(jid("alice"), "\u{7}\u{200B}".into()).await, "what SASLprep forbids");
    assert!(!check(jid("a,b=c"), alice.clone()).await, "SCRAM's own separators in a name");

    // PLAIN's fields are separated by NUL: none may come in through the password, and nothing is sent.
    eventually("every check closes its stream", || proxy.count().1 == 0).await;
    let before = proxy.count().0;
    assert!(!check(jid("alice"), format!("x\0carol\0{carol}")).await);
    assert!(!check(jid("alice"), format!("carol\0{carol}")).await);
    assert!(!check(jid("alice"), "x".repeat(100_000)).await);
    assert!(!check(jid("alice"), String::new()).await);
    assert!(!check(BareJid::new("example.org").expect("a JID"), alice.clone()).await);
    assert_eq!(proxy.count().0, before);
    // Nor through the name: it is no JID to begin with.
    for name in ["alice\0carol", "alice@example.org\0carol"] {
        assert!(BareJid::new(&format!("{name}@example.org")).is_err());
        assert!(BareJid::new(name).is_err());
    }
    assert!(check(jid("alice"), alice.clone()).await, "and the right one is still right");
}

#[tokio::test(flavor = "multi_thread")]
async fn scram_on_the_older_ejabberd() {
    tells_right_from_wrong(Product::Ejabberd, None, Grant::Oauth, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scram_on_the_newest_ejabberd() {
    tells_right_from_wrong(Product::Ejabberd, newest(), Grant::Oauth, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_on_the_older_ejabberd() {
    tells_right_from_wrong(Product::Ejabberd, None, Grant::Jwt, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_on_the_newest_ejabberd() {
    tells_right_from_wrong(Product::Ejabberd, newest(), Grant::Jwt, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scram_on_the_older_prosody() {
    tells_right_from_wrong(Product::Prosody, None, Grant::None, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scram_on_the_newest_prosody() {
    tells_right_from_wrong(Product::Prosody, newest(), Grant::None, true).await;
}
