//! Clients that are connected meanwhile, and what they must not notice.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use discordctl::client::Lines;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{DEADLINE, eventually};

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
        let come = async || self.count.load(Relaxed) >= wanted;
        eventually("progress", come).await;
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
            let mut lines = lines.expect("none is refused");
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
