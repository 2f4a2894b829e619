//! Lines, HTTP and WebSocket by TLS, and clients that come through proxies.
mod certificate;
mod handshake;
mod proxies;

use std::net::SocketAddr;

use discordctl::client::Target;
use discordctl::model::{Listener, ListenerKind};

use crate::chat::scenario::two_people_talk;
use crate::support::certificates::{Certificates, encrypted};
use crate::support::client::WAYS;
use crate::support::server::{Local, start};

/// A server by TLS alone, and where it is.
async fn start_by_tls(certificates: &Certificates) -> (Local, Target, Target) {
    let local = start(|config| {
        certificates.on(config);
        config.tcp_port = None;
        config.http_port = None;
    })
    .await;
    let (lines, http) = encrypted(&local.listeners, certificates.believed());
    (local, lines, http)
}

fn address(local: &Local, kind: ListenerKind) -> SocketAddr {
    Listener::first(&local.listeners, kind).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_over_each_transport_by_tls() {
    let certificates = Certificates::new();
    for way in WAYS {
        let (local, lines, http) = start_by_tls(&certificates).await;
        assert_eq!(
            (local.tcp.port(), local.http.port()),
            (0, 0),
            "none is in the clear"
        );
        two_people_talk(way, lines, http).await;
        local.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_little_gets_everything_in_order() {
    use crate::support::client::{Browser, Person};
    let certificates = Certificates::new();
    let (local, _, http) = start_by_tls(&certificates).await;
    let mut talker = Browser::connect(http, "talker").await;
    let path = "/api/messages/general?history=0";
    let small = discordctl::client::Buffer::Small;
    let stream =
        discordctl::client::Events::open(http, path, None, small, crate::support::DEADLINE);
    let mut stream = stream.await.unwrap();
    // More than the socket's buffers and the encrypted rest hold.
    let text = |n: usize| format!("{n} {}", "x".repeat(3_900));
    for n in 0..400 {
        talker.say("general", &text(n)).await.unwrap();
    }
    let mut next = 0;
    while next < 400 {
        let event = stream.next().await.unwrap().expect("it goes on");
        if let discordctl::client::Event::Named { name, data, .. } = event
            && name == "message"
        {
            assert!(data.contains(&text(next)), "{next}: {data}");
            next += 1;
        }
    }
    local.stop().await;
}
