//! The way to a mail server: secret where it is to be, with whom it is to be, or not gone at all.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base::secret::Secret;
use mail::{Config, Error, Message, Security, Sender};

/// A mail server of independent software; it ends when this is dropped.
struct Peer {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Peer {
    fn start(mode: &str) -> Option<Peer> {
        let python = testbed::sign_in_python("tls_peer")?;
        let folder = tempfile::tempdir().expect("a folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls_peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .arg(mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        Some(Peer { child, port: line.trim().parse().expect("a port"), folder })
    }

    fn config(&self, security: Security) -> Config {
        Config {
            server: "localhost".into(),
            port: Some(self.port),
            security,
            name: "kim".into(),
            secret: Some(Secret::new("warm floor")),
            ca: std::fs::read_to_string(self.folder.path().join("ca.pem")).ok(),
            from: "hello@example.com".into(),
            ..Config::default()
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // of a program that has ended there is nothing to kill
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn send(config: Config) -> Result<(), Error> {
    let message = Message {
        id: "a1".into(),
        to: "kim@example.com".into(),
        subject: "온돌".into(),
        html: "<p>온돌</p>".into(),
    };
    Sender::new(config)?.send(&message).await
}

#[tokio::test]
async fn a_mail_goes_inside_tls_signed_in_by_either_way() {
    for (mode, security) in [("starttls", Security::StartTls), ("tls", Security::Tls)] {
        let Some(peer) = Peer::start(mode) else { return };
        send(peer.config(security)).await.expect("it is taken");
        assert_eq!(peer.log(), "kim hello@example.com kim@example.com True\n", "{mode}");
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_or_of_another_name_gets_nothing() {
    for (mode, security) in [("starttls", Security::StartTls), ("tls", Security::Tls)] {
        let Some(peer) = Peer::start(mode) else { return };
        let unknown = Config { ca: None, ..peer.config(security) };
        let renamed = Config { server: "127.0.0.1".into(), ..peer.config(security) };
        for config in [unknown, renamed] {
            assert!(send(config).await.is_err_and(|error| error.may_pass()), "somebody may put that right");
        }
        assert_eq!(peer.log(), "");
    }
}

#[tokio::test]
async fn a_server_that_offers_no_tls_gets_nothing_where_tls_is_wanted() {
    let Some(peer) = Peer::start("plain") else { return };
    assert!(send(peer.config(Security::StartTls)).await.is_err());
    assert_eq!(peer.log(), "", "neither the mail nor the secret");
    let plain = Config { name: String::new(), secret: None, ..peer.config(Security::Plain) };
    send(plain).await.expect("it is taken");
    assert_eq!(peer.log(), "None hello@example.com kim@example.com False\n");
}

#[tokio::test]
async fn a_wrong_secret_is_told_and_may_be_put_right() {
    let Some(peer) = Peer::start("starttls") else { return };
    let wrong = Config { secret: Some(Secret::new("cold floor")), ..peer.config(Security::StartTls) };
    let error = send(wrong).await.expect_err("refused");
    assert!(error.may_pass() && error.to_string().contains("535"), "{error}");
    assert!(!error.to_string().contains("cold floor"));
}
