//! `rediss://` with a password, against a server whose certificate the system trusts.
use std::path::Path;
use std::process::Command;

use discordctl::bus::{Bus, BusState};

use super::peer::{Peer, message, room};
use super::several::PASSWORD;
use crate::support::redis::Server;

const URL: &str = "BUS_TEST_TLS_URL";

/// The certificates to trust are named by a variable of the process, so a second one is run.
#[test]
fn tls_and_a_password() {
    let Some(server) = Server::start_with(|port, dir| secured(port, dir.path(), "no")) else {
        return;
    };
    let url = format!("rediss://:{PASSWORD}@localhost:{}", server.port);
    let child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "bus::tls::over_tls",
            "--include-ignored",
            "--nocapture",
        ])
        .env("SSL_CERT_FILE", server.dir.path().join("cert.pem"))
        .env(URL, url)
        .output()
        .expect("this test again");
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(told.contains("1 passed"), "it was not run: {told}");
}

#[tokio::test]
#[ignore = "run by tls_and_a_password"]
async fn over_tls() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    let mut peer = Peer::open(&url, "instance-1");
    peer.bus.subscribe(&room("general"));
    peer.becomes(BusState::Connected).await;
    peer.publish(&[message("general", 1)]);
    assert_eq!(peer.message().await, message("general", 1));
}

/// A server with a password and a certificate; whether clients need one of their own.
pub(crate) fn secured(port: u16, dir: &Path, of_clients: &str) -> Vec<String> {
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2"])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args([Path::new("-out"), &cert, Path::new("-keyout"), &key])
        .output()
        .expect("openssl");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let path = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let port = port.to_string();
    let words = [
        "--port",
        "0",
        "--tls-port",
        &port,
        "--tls-auth-clients",
        of_clients,
    ];
    let mut arguments: Vec<String> = words.map(str::to_owned).to_vec();
    arguments.extend(["--tls-cert-file".into(), path(&cert)]);
    arguments.extend(["--tls-key-file".into(), path(&key)]);
    arguments.extend(["--tls-ca-cert-file".into(), path(&cert)]);
    arguments.extend(["--requirepass".into(), PASSWORD.into()]);
    arguments
}
