//! What is no handshake, an old one, a slow one, and many that are never finished.
use discordctl::client::Lines;
use discordctl::model::ListenerKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{address, start_by_tls};
use crate::support::certificates::Certificates;
use crate::support::client::get;
use crate::support::{DEADLINE, in_time};

/// Everything that is answered to `bytes`, up to the end.
async fn answered(at: std::net::SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(at).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = in_time("an end", socket.read_to_end(&mut answer)).await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_the_clear_is_told_what_is_spoken_there() {
    let certificates = Certificates::new();
    let (local, _, http) = start_by_tls(&certificates).await;
    let lines = answered(address(&local, ListenerKind::TlsLines), b"hello\n").await;
    let told = String::from_utf8(lines).unwrap();
    assert!(
        told.starts_with("[system] this port takes lines of chat by TLS"),
        "{told}"
    );
    let asked = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let page = answered(address(&local, ListenerKind::Https), asked).await;
    let told = String::from_utf8(page).unwrap();
    assert!(
        told.starts_with("HTTP/1.1 400") && told.contains("https://"),
        "{told}"
    );
    assert_eq!(get(http, "/livez").await.0, 200);
    local.stop().await;
}

/// A hello of TLS 1.1, as clients sent it: without a word of later versions.
fn old_hello() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 13, 0, 4, 0, 2, 4, 3, // signature algorithms: ECDSA with P-256
        0, 10, 0, 4, 0, 2, 0, 23, // groups: P-256
        0, 11, 0, 2, 1, 0, // points: uncompressed
    ];
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    // No session, two suites, no compression.
    hello.extend([0, 0, 4, 0xc0, 0x09, 0xc0, 0x2b, 1, 0]);
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let length = hello.len() as u8;
    let mut record = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_1_is_refused() {
    let certificates = Certificates::new();
    let (local, ..) = start_by_tls(&certificates).await;
    let answer = answered(address(&local, ListenerKind::Https), &old_hello()).await;
    // An alert, which is fatal: the version of the protocol.
    assert_eq!(
        (answer.first(), &answer[5..]),
        (Some(&0x15), &[2, 70][..]),
        "{answer:?}"
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_are_never_finished_are_cut_and_in_nobodys_way() {
    let certificates = Certificates::new();
    let (local, lines, http) = start_by_tls(&certificates).await;
    let at = address(&local, ListenerKind::TlsLines);
    let mut silent = Vec::new();
    for n in 0..200 {
        let mut socket = TcpStream::connect(at).await.unwrap();
        // Nothing at all, or half of a hello.
        if n % 2 == 0 {
            socket.write_all(&[0x16, 3, 1, 2]).await.unwrap();
        }
        silent.push(socket);
    }
    let mut greeted = Lines::connect(lines, DEADLINE).await.unwrap();
    let greeting = greeted.next().await.unwrap().unwrap();
    assert!(greeting.starts_with("[system] welcome"), "{greeting}");
    assert_eq!(get(http, "/livez").await.0, 200);
    for mut socket in silent {
        let mut rest = Vec::new();
        let _ = in_time("it is cut", socket.read_to_end(&mut rest)).await;
    }
    greeted.say("/help").await.unwrap();
    assert!(greeted.next().await.unwrap().is_some());
    local.stop().await;
}
