//! Everything that must be there before the first message: rooms, connections, and what looks
//! after the servers.
use std::collections::BTreeSet;
use std::net::TcpStream;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::BenchError;
use super::background::Background;
use super::fanout;
use super::live::{Live, Watch};
use super::plan::{Plan, Seat, Subject, room_name};
use crate::client::raw::{self, Account, Lined, Opened, Reading};
use crate::client::{Buffer, ClientError, Target};
use crate::ops::probe::instance::{Site, ready};
use crate::process::usage;
use crate::random;

/// Connections that are being opened at once.
const AT_ONCE: usize = 256;
/// A connection that takes longer to open is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The connections of a run.
pub(super) struct Stage {
    /// Each with its number.
    pub(super) readers: Vec<(usize, Opened)>,
    pub(super) senders: Vec<(usize, Opened)>,
    /// The other ends, where the server is the bare fan-out.
    pub(super) audience: Vec<TcpStream>,
    pub(super) background: Background,
    pub(super) servers: Servers,
    pub(super) took: Duration,
    /// How many connections could not be opened, and what the first of them was told.
    pub(super) failed: (u64, Option<String>),
}

impl Stage {
    pub(super) async fn set(plan: &Plan, run: u32, live: &Live) -> Result<Self, BenchError> {
        match &plan.subject {
            Subject::Sites(sites) => Self::before(sites, plan, run, live).await,
            Subject::Fanout => Self::bare(plan, live).await,
        }
    }

    async fn before(
        sites: &[Site],
        plan: &Plan,
        run: u32,
        live: &Live,
    ) -> Result<Self, BenchError> {
        let servers = Servers::of(sites).await;
        let password: [u8; 16] = random::bytes()?;
        let password = &format!("{:032x}", u128::from_le_bytes(password));
        make_rooms(sites, plan, run, password).await?;
        let watch = Watch::start();
        let senders = open_all(
            plan.senders,
            || live.opened(),
            |i| async move {
                let seat = plan.sender(i);
                let tcp = sites[seat.site].tcp;
                let account = (plan.events > 0).then(|| Account {
                    nickname: format!("bench-{run:08x}-s{i}"),
                    password: password.clone(),
                });
                Opened::speaking(tcp, &room_name(seat.room), account.as_ref(), PATIENCE).await
            },
        );
        let senders = senders.await;
        let lines = match plan.events {
            0 => Lined::Messages,
            _ => Lined::Entries,
        };
        let opened = |seat: Seat, nickname: String| async move {
            open(&sites[seat.site], seat, &nickname, lines, Buffer::Usual).await
        };
        let readers = open_all(
            plan.connections,
            || live.opened(),
            |i| opened(plan.reader(i), format!("bench-{run:08x}-{i}")),
        );
        let readers = readers.await;
        let took = Duration::from_micros(watch.micros());
        for (all, opened) in [(plan.senders, &senders), (plan.connections, &readers)] {
            if all > 0 && opened.0.is_empty() {
                return Err(unreachable(sites, opened.1.as_ref()));
            }
        }
        let background = Background::open(sites, plan, run).await;
        let count = plan.senders + plan.connections - senders.0.len() - readers.0.len();
        let why = senders.1.or(readers.1).map(|error| error.to_string());
        Ok(Self {
            readers: readers.0,
            senders: senders.0,
            audience: Vec::new(),
            background,
            servers,
            took,
            failed: (count as u64, why),
        })
    }

    async fn bare(plan: &Plan, live: &Live) -> Result<Self, BenchError> {
        let (listener, address) = fanout::listen()?;
        let watch = Watch::start();
        let (readers, audience) = tokio::join!(
            open_all(
                plan.connections,
                || live.opened(),
                |_| Opened::silent(address, "", PATIENCE)
            ),
            tokio::time::timeout(PATIENCE, fanout::accept(&listener, plan.connections)),
        );
        let late = |_| BenchError::Io(std::io::ErrorKind::TimedOut.into());
        Ok(Self {
            readers: readers.0,
            senders: Vec::new(),
            audience: audience.map_err(late)??,
            background: Background::default(),
            servers: Servers::default(),
            took: Duration::from_micros(watch.micros()),
            failed: (0, None),
        })
    }
}

fn unreachable(sites: &[Site], why: Option<&ClientError>) -> BenchError {
    let names: Vec<String> = sites.iter().map(Site::to_string).collect();
    BenchError::Connect {
        to: names.join(", "),
        why: why.map_or_else(String::new, ToString::to_string),
    }
}

/// Where there are accounts, guests make no rooms: then one of the run does.
async fn make_rooms(
    sites: &[Site],
    plan: &Plan,
    run: u32,
    password: &str,
) -> Result<(), BenchError> {
    let names: Vec<String> = (0..plan.rooms).map(room_name).collect();
    let account = (plan.events > 0).then(|| Account {
        nickname: format!("bench-{run:08x}"),
        password: password.to_owned(),
    });
    for (i, site) in sites.iter().enumerate() {
        let made = async {
            if let Some(account) = account.as_ref().filter(|_| i == 0) {
                raw::register(site.tcp, account, PATIENCE).await?;
            }
            raw::make_rooms(site.tcp, &names, account.as_ref(), PATIENCE).await
        };
        let made = made.await;
        made.map_err(|error| unreachable(std::slice::from_ref(site), Some(&error)))?;
    }
    Ok(())
}

/// Begins to read at that seat.
pub(super) async fn open(
    site: &Site,
    seat: Seat,
    nickname: &str,
    lines: Lined,
    buffer: Buffer,
) -> Result<Opened, ClientError> {
    let address = site.address(seat.transport);
    let reading = Reading {
        transport: seat.transport,
        room: &room_name(seat.room),
        nickname,
        lines,
    };
    Opened::reading(address, &reading, buffer, PATIENCE).await
}

/// Opens `count` connections, some at once; the second value is why the first failed that did.
pub(super) async fn open_all<F>(
    count: usize,
    opened_one: impl Fn(),
    open: impl Fn(usize) -> F,
) -> (Vec<(usize, Opened)>, Option<ClientError>)
where
    F: Future<Output = Result<Opened, ClientError>>,
{
    let open = &open;
    let opening = stream::iter(0..count).map(|i| async move {
        let late = |_| ClientError::Refused(format!("nothing for {} s", PATIENCE.as_secs()));
        let opened = tokio::time::timeout(PATIENCE, open(i)).await.map_err(late);
        (i, opened.and_then(|opened| opened))
    });
    let mut opening = opening.buffer_unordered(AT_ONCE);
    let (mut all, mut failed) = (Vec::with_capacity(count), None);
    while let Some((i, opened)) = opening.next().await {
        match opened {
            Ok(opened) => {
                opened_one();
                all.push((i, opened));
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    (all, failed)
}

/// The processes of the instances, as far as they run on this machine.
#[derive(Debug, Default)]
pub(super) struct Servers {
    pids: BTreeSet<u32>,
    /// Resident before any client connected.
    pub(super) before_kib: Option<u64>,
}

impl Servers {
    async fn of(sites: &[Site]) -> Self {
        let mut servers = Self::default();
        for site in sites {
            servers.pids.extend(local_pid(site.http).await);
        }
        servers.before_kib = servers.resident_kib();
        servers
    }

    pub(super) fn resident_kib(&self) -> Option<u64> {
        self.sum(usage::resident_kib)
    }

    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        self.sum(usage::cpu_seconds)
    }

    fn sum<T: std::iter::Sum>(&self, of: impl Fn(&str) -> Option<T>) -> Option<T> {
        let all: Option<T> = self.pids.iter().map(|pid| of(&pid.to_string())).sum();
        all.filter(|_| !self.pids.is_empty())
    }
}

/// An instance that does not tell is measured without this.
async fn local_pid(http: Target) -> Option<u32> {
    let pid = ready(http, PATIENCE).await.ok()?.pid?;
    (http.address.ip().is_loopback() && usage::is_ours(pid)).then_some(pid)
}
