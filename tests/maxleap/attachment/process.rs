//! What uploads cost the gateway's own process, and what they leave behind: looked at from outside, in a process of its
//! own, on one server of each product.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{BOUNDARY, LIMIT, begin, bomb, bytes, form, head, usual};

/// Uploads of one address that are handled at once, a quarter of all.
const AT_ONCE: usize = 8;

/// `stanzagate dev` with a folder of its own for temporary files.
struct Dev {
    child: Child,
    url: String,
    app: (String, String),
    temporary: tempfile::TempDir,
    /// The server's own data, elsewhere.
    _data: tempfile::TempDir,
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

impl Dev {
    fn start(server: &str) -> Dev {
        let temporary = tempfile::tempdir().expect("a folder");
        let data = tempfile::tempdir().expect("a folder");
        // The server runs as a user of its own.
        std::fs::set_permissions(data.path(), Permissions::from_mode(0o755)).expect("its mode");
        let mut child = Command::new(env!("CARGO_BIN_EXE_stanzagate"))
            .args(["dev", "--json", "--server", server])
            .arg("--dir")
            .arg(data.path())
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the rig");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let app = (text(&ready["maxleap"]["appId"]), text(&ready["maxleap"]["key"]));
        Dev { child, url: text(&ready["http"]), app, temporary, _data: data }
    }

    fn app(&self) -> (&str, &str) {
        (&self.app.0, &self.app.1)
    }

    async fn post(&self, body: Vec<u8>) -> reqwest::Response {
        self.post_from([127, 0, 0, 1], body).await
    }

    async fn post_from(&self, address: [u8; 4], body: Vec<u8>) -> reqwest::Response {
        let client =
            reqwest::Client::builder().local_address(std::net::IpAddr::from(address)).build().expect("a client");
        let request = client.post(format!("{}/attachment", self.url));
        let request = request.header("x-ml-appid", &self.app.0).header("x-ml-apikey", &self.app.1);
        request.header("content-type", usual()).body(body).send().await.expect("an answer")
    }

    /// The most memory that the process has had, in bytes.
    fn peak(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
    }

    /// Files without a name that the process holds open.
    fn held(&self) -> usize {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("its files");
        let links = fds.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
        links.filter(|link| link.starts_with(self.temporary.path())).count()
    }

    /// Fails unless nothing is left of uploads soon.
    async fn leaves_nothing(&self) {
        for _ in 0..100 {
            if self.held() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.held(), 0);
        let left: Vec<_> = std::fs::read_dir(self.temporary.path()).expect("the folder").flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

async fn costs_little_and_leaves_nothing(server: &str) {
    let dev = Dev::start(server);
    let small = form(&[(&head("a.bin", "application/octet-stream"), b"small")]);
    assert_eq!(dev.post(small.clone()).await.status(), 200);
    let before = dev.peak();

    let large = form(&[(&head("film.mp4", "video/mp4"), &bytes(LIMIT))]);
    let statuses = futures::future::join_all((0..4).map(|_| async { dev.post(large.clone()).await.status() })).await;
    assert_eq!(statuses, [200; 4]);
    for _ in 0..4 {
        assert_eq!(dev.post(form(&[(&head("bomb.png", "image/png"), &bomb())])).await.status(), 200);
    }
    // Heads that do not end, and form fields that nobody wants.
    let endless = [format!("--{BOUNDARY}\r\nX: ").as_bytes(), &vec![b'y'; LIMIT]].concat();
    assert_eq!(dev.post(endless).await.status(), 400);
    let unwanted = vec![b'z'; LIMIT];
    let unwanted = form(&[("Content-Disposition: form-data; name=\"x\"", &unwanted)]);
    assert_eq!(dev.post(unwanted).await.status(), 400);
    let grown = dev.peak() - before;
    println!("{server}: {} MB before, {} kB more", before >> 20, grown >> 10);
    assert!(grown < 10 << 20, "four uploads of 20 MB at once took {} kB of memory", grown >> 10);
    dev.leaves_nothing().await;

    // Senders that stop midway hold their places until they are gone, and nothing longer; and never those of others.
    let half = &large[..300_000];
    let mut stopped = Vec::new();
    for _ in 0..AT_ONCE {
        stopped.push(begin(&dev.url, dev.app(), large.len(), half).await);
    }
    for _ in 0..100 {
        if dev.held() == AT_ONCE {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(dev.held(), AT_ONCE);
    let refused = dev.post(small.clone()).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(dev.post_from([127, 0, 0, 2], small.clone()).await.status(), 200);
    drop(stopped);
    dev.leaves_nothing().await;
    assert_eq!(dev.post(small).await.status(), 200);
}

#[tokio::test]
async fn uploads_cost_little_with_ejabberd() {
    costs_little_and_leaves_nothing("ejabberd").await;
}

#[tokio::test]
async fn uploads_cost_little_with_prosody() {
    costs_little_and_leaves_nothing("prosody").await;
}
