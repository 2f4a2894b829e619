//! The certificate is read anew while clients are connected; a bad one changes nothing.
use std::fs;

use discordctl::client::{Lines, Target};

use super::{address, start_by_tls};
use crate::support::certificates::{Certificates, made};
use crate::support::client::{Lines as Netcat, Person, get};
use crate::support::server::config;
use crate::support::{DEADLINE, eventually};
use discordctl::model::ListenerKind;
use discordctl::server::Server;

async fn is_let_in(at: Target) -> bool {
    match Lines::connect(at, DEADLINE).await {
        Ok(mut lines) => lines.next().await.is_ok_and(|line| line.is_some()),
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_is_in_service_and_no_client_notices() {
    let certificates = Certificates::new();
    let (local, lines, http) = start_by_tls(&certificates).await;
    let port = address(&local, ListenerKind::TlsLines);
    let mut early = Netcat::enter(lines, "early").await;
    // Not one that has been here: what it was given then is taken for the certificate.
    let stale = Target::by_tls(port, certificates.believed());
    certificates.renew();
    let renewed = Target::by_tls(port, certificates.believed());
    eventually("the new certificate is shown", || is_let_in(renewed)).await;
    assert!(!is_let_in(stale).await, "the old one is shown no more");
    early.say("general", "still here").await.expect("committed");

    // A key that belongs to another: the one before goes on.
    let (_, other) = made();
    fs::write(certificates.key(), other).unwrap();
    // Whichever certificate is shown.
    let any = Target::own(http.address, true);
    let of_health = async || get(any, "/health").await.1["checks"]["certificate"].clone();
    eventually("health tells", || async {
        of_health().await["ok"] == false
    })
    .await;
    let told = of_health().await.to_string();
    assert!(
        told.contains("do not belong together") && told.contains("warning"),
        "{told}"
    );
    assert!(is_let_in(renewed).await);
    early.say("general", "and here").await.expect("committed");

    // What is put right is in service at a reload, too.
    certificates.renew();
    let reloaded = local.reload(&local.config());
    assert_eq!(reloaded.warnings, [""; 0]);
    assert!(is_let_in(Target::by_tls(port, certificates.believed())).await);
    early.say("general", "to the end").await.expect("committed");
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_says_what_is_wrong_with_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::new();
    let mut config = config(folder.path());
    certificates.on(&mut config);
    let (_, other) = made();
    fs::write(certificates.key(), other).unwrap();
    let error = Server::start(&config)
        .await
        .err()
        .expect("it does not start");
    let told = error.to_string();
    let cert = certificates.cert().display().to_string();
    assert!(
        told.contains(&cert) && told.contains("do not belong together"),
        "{told}"
    );
    fs::remove_file(certificates.cert()).unwrap();
    let error = Server::start(&config)
        .await
        .err()
        .expect("it does not start");
    assert!(
        error.to_string().contains("there is no such file"),
        "{error}"
    );
}
