//! A crowd of connections that ask, need no key, and never read: whoever calls from elsewhere is served beside it, and it
//! does not last.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use stanzagate::config::sessions::Grant;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::process::Process;
use crate::on_newest;
use crate::support::element::says;
use crate::support::{Account, Client, Server, fresh};

on_newest!(those_who_never_read_keep_nobody_waiting);

/// As many as the gateway takes at all.
const CROWD: usize = 300;
/// Long on a busy machine, and no time at all beside for ever.
const PATIENCE: Duration = Duration::from_secs(20);

async fn those_who_never_read_keep_nobody_waiting(server: Server) {
    let rig = server.start(Grant::Oauth);
    let settings = [("HTTP__CONNECTIONS", "300"), ("HTTP__WRITE_SECONDS", "2")];
    let process = Process::start(&rig, &settings).await;
    let bob = Account { name: "bob".into(), jid: "bob@example.org".into(), password: rig.users()["bob"].clone() };
    let bob = Client::login(&rig, &bob).await;
    let gateway: SocketAddr = process.url.trim_start_matches("http://").parse().expect("an address");

    let mut crowd: Vec<TcpStream> = Vec::new();
    for _ in 0..CROWD {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("its buffer");
        let mut stream = socket.connect(gateway).await.expect("the gateway accepts");
        let _ = stream.write_all("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(40).as_bytes()).await;
        crowd.push(stream);
    }
    let send = async |from: [u8; 4]| {
        let http =
            reqwest::Client::builder().local_address(IpAddr::from(from)).timeout(PATIENCE).build().expect("a client");
        let text = fresh("beside the crowd");
        let xml = format!("<message type='chat'><body>{text}</body></message>");
        let body = json!({"from": "alice@example.org", "to": "bob@example.org", "message": xml}).to_string();
        let answer = http.post(format!("{}/qtalk/send_thirdmessage", process.url)).body(body).send().await?;
        let answer: Value = answer.json().await?;
        Ok::<_, reqwest::Error>((text, answer))
    };
    for _ in 0..3 {
        let (text, answer) = send([127, 0, 0, 2]).await.expect("an answer");
        assert_eq!(answer["ret"], true, "{answer}");
        bob.wait_for("the message beside the crowd", says(&text)).await;
    }
    // The crowd is still there, and its address is served again.
    for _ in 0..100 {
        if let Ok((_, answer)) = send([127, 0, 0, 1]).await
            && answer["ret"] == true
        {
            drop(crowd);
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the connections of the crowd are held for ever");
}
