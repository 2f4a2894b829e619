//! The reference: a server that does nothing but write the same bytes to everyone. What it
//! reaches is what this machine and these readers allow.
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use super::entries::Kind;
use super::ledger::Ledger;
use super::live::Live;
use super::plan::{Load, room_name};
use super::stamp::Stamp;
use super::tally::Tally;

/// A reader that takes nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Readers that may wait to be accepted.
const BACKLOG: u32 = 4_096;

pub(super) struct Fanout {
    audience: Vec<TcpStream>,
    tally: Tally,
    /// The last counter of each sender that it plays.
    counters: Vec<u32>,
    before: Vec<u8>,
}

/// Accepts an audience of `count`.
pub(super) async fn accept(listener: &TcpListener, count: usize) -> io::Result<Vec<TcpStream>> {
    let mut audience = Vec::with_capacity(count);
    for _ in 0..count {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        audience.push(stream);
    }
    Ok(audience)
}

/// A place for it to listen.
pub(super) fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl Fanout {
    pub(super) fn new(audience: Vec<TcpStream>, tally: Tally) -> Self {
        Self {
            audience,
            counters: vec![0; tally.orders.senders],
            tally,
            before: format!("[{}] guest-xxxx: ", room_name(0)).into_bytes(),
        }
    }

    /// Plays until the end.
    pub(super) fn run(&mut self, live: &Live) {
        let mut chunk = Vec::new();
        let end = self.tally.orders.end;
        while self.tally.watch.micros() < end && !live.is_stopped() && !live.is_done() {
            chunk.clear();
            let count = match self.tally.orders.load {
                Load::ClosedLoop(window) => self.window(window, &mut chunk),
                Load::OpenLoop(rate) => self.due(rate, &mut chunk),
            };
            self.show(&chunk, count);
            live.gain(&mut self.tally.gained);
        }
        live.sending_is_over();
    }

    /// What it counted, and what each sender sent. Hangs up on the audience.
    pub(super) fn into_account(self) -> (Tally, Vec<Ledger>) {
        let ledgers = self.counters.iter().map(|last| Ledger::whole(*last));
        (self.tally, ledgers.collect())
    }

    /// What all senders together have on their way.
    fn window(&mut self, window: u32, chunk: &mut Vec<u8>) -> u64 {
        let now = self.tally.watch.micros();
        for _ in 0..window {
            (0..self.counters.len()).for_each(|sender| self.line(sender, now, chunk));
        }
        u64::from(window) * self.counters.len() as u64
    }

    /// What is due, after waiting for it.
    fn due(&mut self, rate: f64, chunk: &mut Vec<u8>) -> u64 {
        let orders = self.tally.orders;
        let next =
            |sender: usize, counters: &[u32]| orders.due(rate, sender as u32, counters[sender] + 1);
        let senders = 0..self.counters.len();
        let first = senders
            .clone()
            .map(|sender| next(sender, &self.counters))
            .min();
        let first = first.unwrap_or(orders.end).min(orders.end);
        let left = first.saturating_sub(self.tally.watch.micros());
        std::thread::sleep(Duration::from_micros(left));
        let (now, mut count) = (self.tally.watch.micros().min(orders.end - 1), 0);
        for sender in senders {
            let due = next(sender, &self.counters);
            if due <= now {
                self.line(sender, due, chunk);
                count += 1;
            }
        }
        count
    }

    fn line(&mut self, sender: usize, due: u64, chunk: &mut Vec<u8>) {
        self.counters[sender] += 1;
        let stamp = Stamp {
            sender: sender as u32,
            counter: self.counters[sender],
            micros: due as u32,
        };
        chunk.extend_from_slice(&self.before);
        self.tally
            .orders
            .run
            .write(stamp, self.tally.orders.size, chunk);
        chunk.push(b'\n');
        self.tally.sent(due, Kind::Message);
    }

    fn show(&mut self, chunk: &[u8], count: u64) {
        let before = self.audience.len();
        self.audience
            .retain_mut(|reader| reader.write_all(chunk).is_ok());
        self.tally
            .add_errors("broken", (before - self.audience.len()) as u64);
        let gained = &mut self.tally.gained;
        gained.committed += count;
        gained.resolved += count;
        gained.expected += count * self.audience.len() as u64;
    }
}
