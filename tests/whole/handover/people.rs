//! Those who are connected meanwhile, and what they must not notice.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use discordctl::client::{Buffer, ClientError, Event, Events, Frame, Lines, Socket};
use discordctl::model::Seq;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::support::{DEADLINE, in_time};

/// Between two looks at whether all has come.
const LOOK: Duration = Duration::from_millis(100);

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
        let mut lines = Lines::connect(at, DEADLINE).await.unwrap();
        lines.write(b"/nick talker\n/join general\n").await.unwrap();
        let (mut said, mut seen, mut silence) = (0, 0, Duration::ZERO);
        let mut last = Instant::now();
        while going.on() || seen < said {
            let mut more = String::new();
            while going.on() && said < seen + WINDOW {
                more += &format!("t{said}\n");
                said += 1;
            }
            lines.write(more.as_bytes()).await.unwrap();
            let line = lines.next().await.unwrap();
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
            let lines = Lines::connect(at, DEADLINE).await;
            let mut lines = lines.expect("nobody is refused");
            lines.say("/quit").await.unwrap();
            let mut told = Vec::new();
            while let Some(line) = lines.next().await.unwrap() {
                told.push(line);
            }
            assert!(told[0].contains("welcome"), "{told:?}");
            assert_eq!(told.last().unwrap(), "[system] goodbye");
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
        came += 1;
        let from = Some(Seq::new(seen.last().copied().unwrap_or(0)));
        let path = "/api/messages/general";
        let stream = Events::open(at, path, from, Buffer::Usual, DEADLINE).await;
        let mut stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                taken(&error);
                continue;
            }
        };
        loop {
            let next = timeout(LOOK, stream.next()).await;
            let wanted = last.load(Relaxed);
            if wanted > 0 && seen.last() >= Some(&(wanted as i64)) {
                return (seen, came);
            }
            match next {
                Ok(Ok(Some(Event::Named { name, id, .. }))) => {
                    assert_ne!(name, "gap");
                    seen.extend(id.map(Seq::get));
                }
                Err(_) | Ok(Ok(Some(Event::Comment(_)))) => {}
                Ok(_) => break,
            }
        }
    }
}

/// It may be taken by the process that ends, which has no time left for it; refused it is not.
fn taken(error: &ClientError) {
    assert_ne!(error.to_string(), "nothing listens there");
}

/// The same over WebSocket.
pub(crate) async fn frames(at: SocketAddr, last: Arc<AtomicUsize>) -> (Vec<i64>, usize) {
    let (mut seen, mut came, mut session) = (Vec::new(), 0, None);
    loop {
        let mut socket = match Socket::open(at, DEADLINE).await {
            Ok(socket) => socket,
            Err(error) => {
                taken(&error);
                continue;
            }
        };
        came += 1;
        let rooms = json!({ "general": seen.last().copied().unwrap_or(0) });
        let hello = match &session {
            None => json!({ "type": "connect", "nickname": "framer", "rooms": rooms }),
            Some(id) => json!({ "type": "connect", "session_id": id, "rooms": rooms }),
        };
        socket.send(&hello).await.unwrap();
        loop {
            let next = timeout(LOOK, socket.next()).await;
            let wanted = last.load(Relaxed);
            if wanted > 0 && seen.last() >= Some(&(wanted as i64)) {
                return (seen, came);
            }
            match next {
                Err(_) => continue,
                Ok(Ok(Frame::Json(frame))) => {
                    assert!(
                        frame["type"] != "error" && frame["type"] != "gap",
                        "{frame}"
                    );
                    if frame["type"] == "connected" {
                        session = frame["session_id"].as_str().map(str::to_owned);
                    }
                    seen.extend(frame["seq"].as_i64());
                }
                Ok(_) => break,
            }
        }
    }
}
