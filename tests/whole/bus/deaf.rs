//! Servers that look alive: one answers everything and delivers nothing, one stops answering.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use discordctl::bus::{Bus, BusState};

use super::peer::{Peer, message, room};
use crate::support::eventually;

/// The commands that each connection sent.
type Heard = Arc<Mutex<Vec<Vec<Vec<String>>>>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_deaf_connection_is_not_trusted_and_made_anew() {
    let (url, heard) = listen(":0\r\n");
    let mut peer = Peer::open(&url, "instance-1");
    peer.bus.subscribe(&room("general"));
    peer.restored().await;
    let took = eventually("a second connection", || async {
        assert_eq!(peer.bus.state(), BusState::Disconnected);
        connections(&heard) > 1
    })
    .await;
    println!("a deaf connection was given up after {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_answered_is_said_once_more_and_not_a_third_time() {
    let (url, heard) = listen("");
    let mut peer = Peer::open(&url, "instance-1");
    peer.restored().await;
    peer.publish(&[message("general", 1)]);
    eventually("given up", || async {
        peer.meters.publish_failed.get() == 1
    })
    .await;
    let said = heard.lock().expect("no panic").concat();
    let published = |words: &&Vec<String>| words[..2] == ["PUBLISH", "room:general"];
    assert_eq!(said.iter().filter(published).count(), 2);
}

fn connections(heard: &Heard) -> usize {
    heard.lock().expect("no panic").len()
}

/// A server that ends with the process. Returns its URL.
fn listen(to_publish: &'static str) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let heard = Heard::default();
    let all = heard.clone();
    std::thread::spawn(move || {
        for (i, stream) in listener.incoming().flatten().enumerate() {
            let heard = all.clone();
            heard.lock().expect("no panic").push(Vec::new());
            std::thread::spawn(move || serve(stream, to_publish, &heard, i));
        }
    });
    (format!("redis://{address}"), heard)
}

/// Answers until the other side goes.
fn serve(stream: TcpStream, to_publish: &str, heard: &Heard, i: usize) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let words = command(&mut reader)?;
        let answer = match words[0].as_str() {
            "HELLO" => "%1\r\n+proto\r\n:3\r\n".to_owned(),
            "SUBSCRIBE" => words[1..].iter().map(|w| confirmation(w)).collect(),
            "PUBLISH" => to_publish.to_owned(),
            _ => "+OK\r\n".to_owned(),
        };
        heard.lock().expect("no panic")[i].push(words);
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
