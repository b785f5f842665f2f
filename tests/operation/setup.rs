//! `stanzagate setup` on the file that each server's package comes with: one command, and every API works.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_all_servers;
use crate::support::element::says;
use crate::support::stock::{DOMAIN, PASSWORD, ROOM};
use crate::support::upload::{BOUNDARY, form};
use crate::support::xuanxuan::titled;
use crate::support::{Client, Gateway, Server, Stock, stanza};

on_all_servers!(a_stock_server_serves_every_api_after_one_command);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `setup` and returns what it printed.
fn set_up(stock: &Stock, more: &[&str]) -> String {
    let output = stock.setup(more);
    assert!(output.status.success(), "{more:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

async fn login(stock: &Stock, user: &str) -> Client {
    let client = Client::open(stock.c2s, DOMAIN, user, PASSWORD, None).await;
    let client = client.unwrap_or_else(|error| panic!("{user}: {error:?}\n{}", stock.output("server")));
    client.send(stanza("<presence/>"));
    client.ping().await;
    client
}

async fn a_stock_server_serves_every_api_after_one_command(server: Server) {
    let mut stock = Stock::new(server);
    stock.live_before().await;
    walk(stock, &[]).await;
}

/// A server that the files of 0.1.0 were put into by hand has qtalk alone, and records that no gateway of today would believe.
#[test]
fn a_server_of_0_1_0_is_brought_up_to_date() {
    crate::support::servers::run(Box::pin(async {
        for server in [Server::Ejabberd23, Server::Prosody012] {
            let mut stock = Stock::of_0_1_0(server);
            stock.live_before().await;
            if !server.is_ejabberd() {
                // It had switched HTTP off, and uploads need it: which port and address those get is the administrator's affair.
                let refused = text(&stock.setup(&[]).stderr);
                assert!(refused.contains("http_ports names no port"), "{refused}");
                let main = std::fs::read_to_string(stock.outside("prosody.cfg.lua")).expect("the file");
                let port = format!("http_ports = {{ {} }}\nhttp_interfaces = {{ \"127.0.0.1\" }}", stock.spare.port());
                stock.write("prosody.cfg.lua", &main.replace("http_ports = { }", &port));
            }
            walk(stock, &[]).await;
        }
    }));
}

/// What ejabberd's official container images start from.
#[test]
fn the_example_of_the_containers_does_so_too() {
    crate::support::servers::run(Box::pin(async {
        let example = "usr/share/ejabberd/ejabberd.yml.example";
        let read = |base: &Path| std::fs::read_to_string(base.join(example)).expect("the example");
        let mut stock = Stock::with(Server::Ejabberd26, read);
        stock.live_before().await;
        walk(stock, &[]).await;
    }));
}

/// Prosody's container images have a program for a configuration: setup tells no host from it, and the administrator does.
#[test]
fn a_configuration_that_is_a_program_does_so_too() {
    crate::support::servers::run(Box::pin(async {
        let read = |base: &Path| {
            let stock =
                std::fs::read_to_string(base.join("etc/prosody/prosody.cfg.lua")).expect("the package's stock file");
            let host = "VirtualHost \"localhost\"";
            let program = "local function split(s)\n\tif not s then return nil; end\n\treturn { s }\nend\n\
                           if ENV_MORE then\n\tmodules_enabled:append(split(ENV_MORE))\nend\n\
                           for _ = 1, 1 do\n\tVirtualHost \"localhost\"\nend\n";
            stock.replace(host, program)
        };
        let mut stock = Stock::with(Server::Prosody13, read);
        let refused = stock.setup(&[]);
        assert!(
            !refused.status.success() && text(&refused.stderr).contains("with --domain"),
            "{}",
            text(&refused.stderr)
        );
        stock.live_before().await;
        walk(stock, &["--domain", DOMAIN]).await;
    }));
}

/// Other lines of a file may be edited meanwhile; where setup's own were, it takes nothing back.
#[test]
fn what_others_edit_meanwhile_stays() {
    for server in [Server::Ejabberd23, Server::Prosody012] {
        let stock = Stock::new(server);
        let own = stock.outside("conf.d/own.cfg.lua");
        if !server.is_ejabberd() {
            // It sets what the drop-in sets, so that the main file is edited too.
            std::fs::write(&own, format!("VirtualHost \"{DOMAIN}\"\n\tadmins = {{ \"me@{DOMAIN}\" }}\n"))
                .expect("a file");
        }
        let main = stock.outside(stock.config());
        let before = std::fs::read_to_string(&main).expect("the file");
        set_up(&stock, &["--write", "--apis", "qtalk,maxleap"]);
        let after = std::fs::read_to_string(&main).expect("the file");
        assert_ne!(before, after);
        let backup = stock.outside(&format!("{}.before-stanzagate", stock.config()));
        assert_eq!(std::fs::read_to_string(&backup).expect("a backup"), before);

        // Somebody edits the top of the file, and setup runs again with one API less.
        let comment = if server.is_ejabberd() { "## mine\n" } else { "-- mine\n" };
        stock.write(stock.config(), &format!("{comment}{after}"));
        set_up(&stock, &["--write", "--apis", "qtalk"]);
        let gateway = std::fs::read_to_string(stock.outside("gateway/stanzagate.toml")).expect("the gateway's file");
        assert!(gateway.contains("[maxleap]\nenabled = false"), "{gateway}");
        assert!(set_up(&stock, &["--write"]).starts_with("Nothing to change"), "it remembers the APIs");
        let edited = std::fs::read_to_string(&main).expect("the file");
        assert!(edited.starts_with(comment));

        // What setup put there is edited: nothing is taken back, and the lines are told.
        let broken =
            edited.replace("# The gateway's part.", "# My part.").replace("-- The gateway's part.", "-- My part.");
        stock.write(stock.config(), &broken);
        let files = stock.files();
        let refused = stock.setup(&["--undo"]);
        assert!(
            !refused.status.success() && text(&refused.stderr).contains("was edited since"),
            "{}",
            text(&refused.stderr)
        );
        assert_eq!(stock.files(), files);
        stock.write(stock.config(), &edited);
        set_up(&stock, &["--undo"]);
        assert_eq!(std::fs::read_to_string(&main).expect("the file"), format!("{comment}{before}"));
        let refused = stock.setup(&["--undo"]);
        assert!(!refused.status.success() && text(&refused.stderr).contains("nothing to take back"));
    }
}

/// Killed between two files, it can be taken back, exactly. And what it wrote shows its secret to nobody.
#[test]
fn what_a_killed_set_up_left_is_taken_back() {
    use std::os::unix::fs::PermissionsExt;
    for server in [Server::Ejabberd26, Server::Prosody13] {
        let stock = Stock::new(server);
        let before = stock.files();
        set_up(&stock, &["--write"]);
        let part = stock.outside(if server.is_ejabberd() { "stanzagate.yml" } else { "conf.d/stanzagate.cfg.lua" });
        assert_eq!(std::fs::metadata(&part).expect("the part").permissions().mode() & 0o007, 0);
        // As if the main file had not been written yet, nor one that is made, and the next one had been begun.
        let main = stock.outside(stock.config());
        std::fs::write(&main, &before[&main]).expect("the file");
        std::fs::remove_file(&part).expect("the part");
        std::fs::write(stock.outside(".stanzagate-a1B2c3"), "half").expect("a file");
        set_up(&stock, &["--undo"]);
        assert_eq!(stock.files().keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        assert_eq!(stock.files(), before);
        // As if it had not come further than the record.
        std::fs::write(stock.outside("gateway/.stanzagate-a1B2c3"), "half").expect("a file");
        assert!(text(&stock.setup(&["--undo"]).stderr).contains("nothing to take back"));
        assert_eq!(stock.files(), before);
    }
}

/// The server's own reader has the last word: what it refuses is taken back, whole.
#[test]
fn what_the_server_would_refuse_is_taken_back() {
    let stock = Stock::new(Server::Ejabberd26);
    // It is in a file that setup does not look into for that, and ejabberd takes no option twice.
    stock.write("more.yml", "oauth_access: all\n");
    let main = std::fs::read_to_string(stock.outside("ejabberd.yml")).expect("the file");
    stock.write("ejabberd.yml", &format!("{main}\ninclude_config_file: {}\n", stock.inside("more.yml")));
    let before = stock.files();
    let refused = stock.setup(&["--write"]);
    let why = text(&refused.stderr);
    assert!(!refused.status.success() && why.contains("taken back") && why.contains("oauth_access"), "{why}");
    assert_eq!(stock.files(), before);
}

/// Files that Prosody does not start with say nothing that could be gone by.
#[test]
fn what_the_server_cannot_read_is_left_alone() {
    let stock = Stock::new(Server::Prosody13);
    stock.write("conf.d/broken.cfg.lua", "frob()\n");
    let before = stock.files();
    let refused = stock.setup(&["--write"]);
    let why = text(&refused.stderr);
    assert!(!refused.status.success() && why.contains("cannot read its files as they are"), "{why}");
    assert_eq!(stock.files(), before);
}

/// From the command to calls of each API, and back.
async fn walk(mut stock: Stock, more: &[&str]) {
    let before = stock.files();

    // Of what RongCloud-backed groups open on ejabberd an administrator decides.
    let more = if stock.config().ends_with(".yml") {
        assert!(set_up(&stock, more).contains("RongCloud-backed groups are left out"));
        [more, &["--apis", "qtalk,maxleap,xuanxuan,rongcloud"]].concat()
    } else {
        more.to_vec()
    };
    let more = more.as_slice();
    let shown = set_up(&stock, more);
    assert!(shown.contains("+++ ") && shown.contains("Nothing was changed"), "{shown}");
    assert_eq!(shown.contains("so that clients can fetch attachments"), !stock.serves_files, "{shown}");
    assert_eq!(stock.files(), before);

    let line: Value =
        serde_json::from_str(&set_up(&stock, &[more, &["--write", "--json"]].concat())).expect("one line of JSON");
    let after = stock.files();
    for file in line["files"].as_array().expect("files") {
        let name = file.as_str().and_then(|path| path.strip_prefix(&stock.inside(""))).expect("a path in the folder");
        assert_ne!(after.get(&stock.outside(name)), before.get(&stock.outside(name)), "{name}");
    }
    let main = stock.outside(stock.config());
    assert!(text(&after[&main]).lines().count() >= text(&before[&main]).lines().count() - 1, "lines were lost");

    stock.start();
    let config = stock.inside("gateway/stanzagate.toml");
    let checked = stock.stanzagate(&["check", "--user", "alice", "--config", &config]).output().expect("the program");
    let table = text(&checked.stdout);
    let whole = checked.status.success()
        && !table.contains(" MISSING ")
        && !table.contains("cannot work without")
        && !table.contains("works, without");
    assert!(whole, "{table}{}{}", text(&checked.stderr), stock.output("server"));

    stock.serve().await;
    calls(&stock, &line["keys"]).await;
    stock.stop();

    assert!(set_up(&stock, &["--write"]).starts_with("Nothing to change"));
    let again: Value = serde_json::from_str(&set_up(&stock, &["--write", "--json"])).expect("one line of JSON");
    assert_eq!((&again["files"], &again["keys"]), (&json!([]), &line["keys"]));
    assert_eq!(stock.files(), after);

    set_up(&stock, &["--undo", "--write"]);
    assert_eq!(stock.files().keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert_eq!(stock.files(), before);
}

/// What users had before is there.
async fn kept(stock: &Stock, alice: &Client) {
    if stock.config().ends_with(".yml") {
        let private =
            "<iq type='get'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query></iq>";
        let answer = String::from(&alice.iq(stanza(private)).await);
        assert!(answer.contains(ROOM), "{answer}");
        let room = alice.room_info(ROOM).await.expect("the room");
        assert_eq!(room.name.as_deref(), Some("Of before"));
    } else {
        assert!(alice.bookmarks().await.iter().any(|bookmark| bookmark.room == ROOM));
    }
}

/// One call of each API, whose effect a client of the server's sees.
async fn calls(stock: &Stock, keys: &Value) {
    let gateway = Gateway::outside(format!("http://{}", stock.http), keys);
    let (alice, bob) = (login(stock, "alice").await, login(stock, "bob").await);
    kept(stock, &alice).await;

    let key = keys["qtalk"].as_str().expect("a key");
    let message = "<message type='chat'><body id='m1' msgType='1' maType='20'>by qtalk</body></message>";
    let body = json!({"from": alice.bare(), "to": bob.bare(), "message": message});
    let sent = gateway
        .request(|http, url| http.post(format!("{url}/qtalk/send_thirdmessage")).bearer_auth(key).json(&body))
        .await;
    sent.expect_success();
    bob.wait_for("the message", says("by qtalk")).await;

    let body = json!({"content": {"media": 0, "body": "by MaxLeap"}});
    gateway.maxleap(Method::POST, "/system/bob", &body).await.expect_status(202);
    bob.wait_for("the message", says("by MaxLeap")).await;
    if stock.serves_files {
        attachment(&gateway).await;
    }

    let sender = json!({"avatar": "", "name": "Catouse", "id": "catouse"});
    let notice = json!({
        "receiver": "users", "userList": ["bob"], "title": "by Xuanxuan", "subTitle": "", "content": "text", "contentType": "text",
        "url": "", "actions": [], "sender": sender,
    });
    gateway.notify(&notice).await.expect_data();
    bob.wait_for("the notification", |el| titled(el, "by Xuanxuan").is_some()).await;

    let group = gateway.rongcloud_group(alice.bare(), "by RongCloud", "").await;
    gateway.rongcloud_join(alice.bare(), group, bob.bare()).await;
    let room = format!("{group}@conference.{DOMAIN}");
    assert!(bob.bookmarks().await.iter().any(|bookmark| bookmark.room == room));
    bob.join(&room, "bob").await.unwrap_or_else(|error| panic!("{}", String::from(&error)));
    bob.send(stanza(&format!("<message to='{room}' type='groupchat'><body>in the group</body></message>")));
    bob.wait_for("the group's message", says("in the group")).await;
    for client in [alice, bob] {
        client.close().await;
    }
}

/// A file is put by the gateway, and got from where clients are told to.
async fn attachment(gateway: &Gateway) {
    let head = "Content-Disposition: form-data; name=\"attachment\"; filename=\"a.txt\"\r\nContent-Type: text/plain";
    let (app, key) = gateway.maxleap_app();
    let reply = gateway
        .request(|http, url| {
            let request = http.post(format!("{url}/attachment")).header("x-ml-appid", app).header("x-ml-apikey", key);
            let kind = format!("multipart/form-data; boundary={BOUNDARY}");
            request.header("content-type", kind).body(form(&[(head, b"what is in it")]))
        })
        .await
        .expect_status(200);
    let urls: Vec<&str> = reply.json.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let url = reqwest::Url::parse(urls.first().copied().unwrap_or_else(|| panic!("{}", reply.text))).expect("a URL");
    // The names are in no name server, and the stock certificate is nobody's.
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], url.port_or_known_default().expect("a port")));
    let client = reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true);
    let client = client.resolve(url.host_str().expect("a host"), address).build().expect("a client");
    let got = client.get(url.clone()).send().await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
    assert_eq!((got.status().as_u16(), got.text().await.expect("a body").as_str()), (200, "what is in it"));
}
