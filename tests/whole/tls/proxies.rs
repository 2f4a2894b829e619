//! Clients behind proxies are known by their own addresses, where the proxy is one that is listed.
use discordctl::client::{Lines, Target};
use discordctl::model::ListenerKind;
use http::Request;
use serde_json::json;

use super::{address, start_by_tls};
use crate::support::DEADLINE;
use crate::support::certificates::{Certificates, encrypted};
use crate::support::client::get;
use crate::support::server::{Local, start};

/// A server that lets one session begin from each address, behind proxies on this machine.
async fn start_behind(certificates: &Certificates) -> Local {
    start(|config| {
        certificates.on(config);
        config.limits.new_sessions_per_minute = 1;
        config.proxy.protocol = vec!["127.0.0.1".to_owned()];
    })
    .await
}

fn v1(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 198.51.100.1 4000 9001\r\n").into_bytes()
}

/// Version 2, which says that the client came by TLS.
fn v2(client: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14".to_vec();
    header.extend(client);
    header.extend([198, 51, 100, 1, 15, 160, 35, 41]);
    header.extend([0x20, 0, 5, 1, 0, 0, 0, 0]);
    header
}

/// The first line after `header`.
async fn greeting(local: &Local, header: &[u8]) -> String {
    let mut lines = Lines::connect(local.tcp, DEADLINE).await.unwrap();
    lines.write(header).await.unwrap();
    lines.next().await.unwrap().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_see_the_client_that_a_listed_proxy_names() {
    let local = start_behind(&Certificates::new()).await;
    for header in [v1("192.0.2.1"), v2([192, 0, 2, 2])] {
        let first = greeting(&local, &header).await;
        assert!(first.starts_with("[system] welcome"), "{first}");
        let second = greeting(&local, &header).await;
        assert!(second.contains("too many"), "{second}");
    }
    // The proxy's own look whether we are there, as often as it likes.
    for _ in 0..3 {
        let own = greeting(&local, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await;
        assert!(own.starts_with("[system] welcome"), "{own}");
        drop(tokio::net::TcpStream::connect(local.tcp).await.unwrap());
    }
    let none = greeting(&local, b"/help of chat\n").await;
    assert!(none.contains("proxy.protocol"), "{none}");
    // An operator's command on the proxy's machine says that it asks for itself.
    let (own, _) = encrypted(&local.listeners, Certificates::new().believed());
    for at in [
        local.http.into(),
        Target::own(address(&local, ListenerKind::Https), true),
    ] {
        assert_eq!(get(Target::as_proxy(at), "/livez").await.0, 200);
    }
    assert!(
        Lines::connect(own.as_proxy(), DEADLINE).await.is_err(),
        "another's certificate"
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_comes_before_tls() {
    let certificates = Certificates::new();
    let local = start_behind(&certificates).await;
    let secure = certificates.believed();
    let (lines, _) = encrypted(&local.listeners, secure);
    let greeted = async |client: &str| {
        let mut socket = tokio::net::TcpStream::connect(lines.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut socket, &v1(client))
            .await
            .unwrap();
        let stream = lines.shake_hands(socket).await.unwrap();
        let mut lines = Lines::over(stream, DEADLINE);
        lines.next().await.unwrap().unwrap()
    };
    assert!(greeted("192.0.2.1").await.starts_with("[system] welcome"));
    assert!(greeted("192.0.2.1").await.contains("too many"));
    assert!(greeted("192.0.2.2").await.starts_with("[system] welcome"));
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_elsewhere_a_header_is_an_ordinary_first_line() {
    let certificates = Certificates::new();
    let local = start(|config| config.limits.new_sessions_per_minute = 1).await;
    for _ in 0..2 {
        // What is counted is the connection's own address, which is not counted at home.
        let mut lines = Lines::connect(local.tcp, DEADLINE).await.unwrap();
        lines.write(&v1("192.0.2.1")).await.unwrap();
        let greeting = lines.next().await.unwrap().unwrap();
        assert!(greeting.starts_with("[system] welcome"), "{greeting}");
        let told = lines.next().await.unwrap().unwrap();
        assert!(told.starts_with("[system] not sent"), "{told}");
    }
    local.stop().await;
    // By TLS it is no handshake.
    let (local, lines, _) = start_by_tls(&certificates).await;
    let mut lines = Lines::connect(lines.address, DEADLINE).await.unwrap();
    lines.write(&v1("192.0.2.1")).await.unwrap();
    let told = lines.next().await.unwrap().unwrap();
    assert!(told.contains("by TLS"), "{told}");
    local.stop().await;
}

/// The status of a session that begins, as a client behind a proxy asks for it.
async fn begun(local: &Local, named: &str) -> u16 {
    let request = Request::post("/api/connect")
        .header("content-type", "application/json")
        .header("x-forwarded-for", named);
    let nickname = format!("n{}", named.bytes().map(u64::from).sum::<u64>());
    let body = json!({ "nickname": nickname }).to_string();
    let answer = discordctl::client::send(local.http, request, body, DEADLINE).await;
    answer.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn x_forwarded_for_is_believed_of_listed_proxies_alone() {
    let of = |listed: &'static [&'static str]| {
        start(move |config| {
            config.limits.new_sessions_per_minute = 1;
            config.proxy.forwarded = listed.iter().map(|&of| of.to_owned()).collect();
        })
    };
    let local = of(&["127.0.0.1", "10.0.0.0/8"]).await;
    assert_eq!(begun(&local, "192.0.2.1").await, 200);
    // What the client wrote itself stands before what the proxies added.
    assert_eq!(begun(&local, "203.0.113.7, 192.0.2.1, 10.1.1.1").await, 429);
    assert_eq!(begun(&local, "192.0.2.2").await, 200);
    local.stop().await;
    // Else a client could choose its address.
    let local = of(&["10.0.0.0/8"]).await;
    for named in ["192.0.2.1", "192.0.2.1 ", "10.0.0.1"] {
        assert_ne!(
            begun(&local, named).await,
            429,
            "at home no address is counted"
        );
    }
    local.stop().await;
}
