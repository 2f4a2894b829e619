//! Background load: slow readers, which take a little now and then, and silent clients. What they
//! get is not counted; the measured connections must not notice them.
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::live::Live;
use super::plan::{Plan, Seat};
use super::report::BackgroundReport;
use super::stage::{PATIENCE, open, open_all};
use crate::client::raw::{Lined, Opened};
use crate::client::{Buffer, ClientError};
use crate::ops::probe::instance::Site;

/// A slow reader takes so much, so often.
const PART: usize = 4 << 10;
const BETWEEN: Duration = Duration::from_secs(1);
const HALF_A_REQUEST: &str = "GET /api/rooms HTTP/1.1\r\nHost: ";
/// Between two looks at whether the run is over.
const LOOK: Duration = Duration::from_millis(50);

/// What a slow reader needs to come back when it was closed.
#[derive(Debug, Clone)]
struct Seated {
    seat: Seat,
    site: Site,
    nickname: String,
}

impl Seated {
    async fn open(&self) -> Result<Opened, ClientError> {
        let lines = Lined::Messages;
        open(&self.site, self.seat, &self.nickname, lines, Buffer::Small).await
    }
}

#[derive(Debug, Default)]
pub(super) struct Background {
    slow: Vec<(Seated, Opened)>,
    silent: Vec<Opened>,
}

impl Background {
    pub(super) async fn open(sites: &[Site], plan: &Plan, run: u32) -> Self {
        let seated = |i: usize| {
            let seat = plan.reader(i);
            Seated {
                seat,
                site: sites[seat.site].clone(),
                nickname: format!("slow-{run:08x}-{i}"),
            }
        };
        let slow = open_all(plan.slow, || {}, |i| async move { seated(i).open().await });
        let (slow, _) = slow.await;
        let silent = open_all(
            plan.silent,
            || {},
            |i| {
                let site = &sites[i / 2 % sites.len()];
                let (address, words) = match i % 2 {
                    0 => (site.tcp, ""),
                    _ => (site.http, HALF_A_REQUEST),
                };
                Opened::silent(address, words, PATIENCE)
            },
        );
        let (silent, _) = silent.await;
        Self {
            slow: slow
                .into_iter()
                .map(|(i, opened)| (seated(i), opened))
                .collect(),
            silent: silent.into_iter().map(|(_, opened)| opened).collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slow.is_empty() && self.silent.is_empty()
    }

    /// Until the run is over; how many were still there then.
    pub(super) fn hold(self, live: &Live) -> BackgroundReport {
        let mut held = BackgroundReport {
            slow: self.slow.len(),
            silent: self.silent.len(),
            ..BackgroundReport::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return held };
        runtime.block_on(async {
            let mut reading = JoinSet::new();
            let counts = Arc::<Counts>::default();
            counts.held.store(self.slow.len(), Relaxed);
            for (seated, opened) in self.slow {
                reading.spawn(read_slowly(seated, opened, counts.clone()));
            }
            while !live.is_done() {
                sleep(LOOK).await;
            }
            held.slow_held = counts.held.load(Relaxed);
            held.slow_returned = counts.returned.load(Relaxed);
        });
        held.silent_held = self.silent.iter().filter(|opened| is_open(opened)).count();
        held
    }
}

#[derive(Debug, Default)]
struct Counts {
    /// Slow readers that are connected.
    held: AtomicUsize,
    returned: AtomicUsize,
}

/// Takes a sip and waits, and comes back when it is closed.
async fn read_slowly(seated: Seated, opened: Opened, counts: Arc<Counts>) {
    let mut opened = Some(opened);
    let mut part = vec![0; PART];
    loop {
        if let Some(Ok(mut stream)) = opened.map(|opened| TcpStream::from_std(opened.stream)) {
            while stream.read(&mut part).await.is_ok_and(|count| count > 0) {
                sleep(BETWEEN).await;
            }
        }
        counts.held.fetch_sub(1, Relaxed);
        opened = loop {
            sleep(BETWEEN).await;
            if let Ok(opened) = seated.open().await {
                break Some(opened);
            }
        };
        counts.held.fetch_add(1, Relaxed);
        counts.returned.fetch_add(1, Relaxed);
    }
}

/// Reads what the server had to say to a client that says nothing.
fn is_open(opened: &Opened) -> bool {
    let mut stream = &opened.stream;
    let mut words = [0; PART];
    loop {
        match stream.read(&mut words) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
