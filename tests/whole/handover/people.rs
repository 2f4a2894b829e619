//! Those who are connected meanwhile, and what they must not notice.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::support::in_time;

/// Shared with a task that goes on until it is told to stop.
#[derive(Clone, Default)]
pub(crate) struct Going {
    stop: Arc<AtomicBool>,
    pub(crate) count: Arc<AtomicUsize>,
}

impl Going {
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    fn on(&self) -> bool {
        !self.stop.load(Relaxed)
    }

    /// Waits until so many more things were done.
    pub(crate) async fn more(&self, count: usize) {
        let wanted = self.count.load(Relaxed) + count;
        let come = async {
            while self.count.load(Relaxed) < wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        in_time("progress", come).await;
    }
}

/// Says one thing after another into netcat, some ahead of what was seen, and holds that every
/// one is answered, in order, once. Returns how many that were, and the longest silence.
pub(crate) fn talk(at: SocketAddr, going: &Going) -> JoinHandle<(usize, Duration)> {
    const WINDOW: usize = 20;
    let going = going.clone();
    tokio::spawn(async move {
        let stream = TcpStream::connect(at).await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write
            .write_all(b"/nick talker\n/join general\n")
            .await
            .unwrap();
        let (mut said, mut seen, mut silence) = (0, 0, Duration::ZERO);
        let mut last = Instant::now();
        while going.on() || seen < said {
            while going.on() && said < seen + WINDOW {
                write
                    .write_all(format!("t{said}\n").as_bytes())
                    .await
                    .unwrap();
                said += 1;
            }
            let line = in_time("a line", lines.next_line()).await.unwrap();
            let line = line.expect("the connection is open");
            assert!(!line.contains("not sent"), "{line}");
            if let Some(content) = line.strip_prefix("[general] talker: t") {
                assert_eq!(content, seen.to_string(), "each once, in order");
                seen += 1;
                going.count.store(seen, Relaxed);
                silence = silence.max(last.elapsed());
                last = Instant::now();
            }
        }
        (said, silence)
    })
}

/// Comes and goes; every time it must be let in and greeted. Returns how often that was.
pub(crate) fn knock(at: SocketAddr, going: &Going) -> JoinHandle<usize> {
    let going = going.clone();
    tokio::spawn(async move {
        let mut count = 0;
        while going.on() {
            let mut stream = TcpStream::connect(at).await.expect("nobody is refused");
            stream.write_all(b"/quit\n").await.unwrap();
            let mut told = String::new();
            in_time("a goodbye", stream.read_to_string(&mut told))
                .await
                .unwrap();
            assert!(told.contains("welcome"), "{told}");
            assert!(told.ends_with("[system] goodbye\n"), "{told}");
            count += 1;
        }
        count
    })
}

/// Reads events until it has seen message `last`, coming back where it was cut off; returns
/// what it saw and how often it came.
pub(crate) async fn events(at: SocketAddr, last: Arc<AtomicUsize>) -> (Vec<i64>, usize) {
    let (mut seen, mut came) = (Vec::new(), 0);
    loop {
        let Ok(mut stream) = TcpStream::connect(at).await else {
            panic!("nobody is refused");
        };
        came += 1;
        let from = seen.last().copied().unwrap_or(0);
        let head = format!(
            "GET /api/messages/general HTTP/1.1\r\nhost: localhost\r\nlast-event-id: {from}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        loop {
            let next = tokio::time::timeout(Duration::from_millis(100), lines.next_line()).await;
            let wanted = last.load(Relaxed);
            if wanted > 0 && seen.last() >= Some(&(wanted as i64)) {
                return (seen, came);
            }
            match next {
                Err(_) => continue,
                Ok(Ok(Some(line))) => {
                    assert_ne!(line, "event: gap");
                    let id = line.strip_prefix("id: ");
                    let id = id.map(|id| id.parse::<i64>().unwrap());
                    seen.extend(id);
                }
                Ok(_) => break,
            }
        }
    }
}

/// The same over WebSocket.
pub(crate) async fn frames(at: SocketAddr, last: Arc<AtomicUsize>) -> (Vec<i64>, usize) {
    let (mut seen, mut came, mut session) = (Vec::new(), 0, None);
    loop {
        let stream = TcpStream::connect(at).await.expect("nobody is refused");
        let upgraded = tokio_tungstenite::client_async(format!("ws://{at}/api/ws"), stream).await;
        let Ok((mut socket, _)) = upgraded else {
            // Taken by the one that ends, which had no time left for it.
            continue;
        };
        came += 1;
        let rooms = json!({ "general": seen.last().copied().unwrap_or(0) });
        let hello = match &session {
            None => json!({ "type": "connect", "nickname": "framer", "rooms": rooms }),
            Some(id) => json!({ "type": "connect", "session_id": id, "rooms": rooms }),
        };
        socket.send(Message::text(hello.to_string())).await.unwrap();
        loop {
            let next = tokio::time::timeout(Duration::from_millis(100), socket.next()).await;
            let wanted = last.load(Relaxed);
            if wanted > 0 && seen.last() >= Some(&(wanted as i64)) {
                return (seen, came);
            }
            match next {
                Err(_) => continue,
                Ok(Some(Ok(Message::Text(text)))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    assert!(
                        frame["type"] != "error" && frame["type"] != "gap",
                        "{frame}"
                    );
                    if frame["type"] == "connected" {
                        session = frame["session_id"].as_str().map(str::to_owned);
                    }
                    seen.extend(frame["seq"].as_i64());
                }
                Ok(Some(Ok(_))) => {}
                Ok(_) => break,
            }
        }
    }
}
