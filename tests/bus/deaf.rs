//! A server that answers everything and never delivers anything: connected, but deaf.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use discordctl::bus::{Bus, BusState};

use super::peer::{Peer, eventually, room};

#[tokio::test]
async fn a_deaf_connection_is_not_trusted_and_made_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    // Ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || serve(stream));
        }
    });
    let mut peer = Peer::open(&format!("redis://127.0.0.1:{port}"), "instance-1");
    peer.bus.subscribe(&room("general"));
    peer.restored().await;
    let took = eventually("a second connection", || {
        assert_eq!(peer.bus.state(), BusState::Disconnected);
        connections.load(Ordering::Relaxed) > 1
    })
    .await;
    println!("a deaf connection was given up after {took:?}");
}

/// Answers until the other side goes.
fn serve(stream: TcpStream) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let words = command(&mut reader)?;
        let answer = match words[0].as_str() {
            "HELLO" => "%1\r\n+proto\r\n:3\r\n".to_owned(),
            "SUBSCRIBE" => words[1..].iter().map(|w| confirmation(w)).collect(),
            "PUBLISH" => ":0\r\n".to_owned(),
            _ => "+OK\r\n".to_owned(),
        };
        writer.write_all(answer.as_bytes()).ok()?;
    }
}

fn confirmation(channel: &str) -> String {
    let length = channel.len();
    format!(">3\r\n$9\r\nsubscribe\r\n${length}\r\n{channel}\r\n:1\r\n")
}

/// Reads an array of strings, as clients send commands.
fn command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let count = length(reader, '*')?;
    (0..count).map(|_| word(reader)).collect()
}

fn word(reader: &mut impl BufRead) -> Option<String> {
    let mut bytes = vec![0; length(reader, '$')? + 2];
    reader.read_exact(&mut bytes).ok()?;
    bytes.truncate(bytes.len() - 2);
    String::from_utf8(bytes).ok()
}

fn length(reader: &mut impl BufRead, mark: char) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.trim().strip_prefix(mark)?.parse().ok()
}
