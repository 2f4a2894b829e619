//! What can be asked of `discordctl bench`.
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use discordctl::config::HumanDuration;
use discordctl::ops::bench::{Load, Plan, Site, Subject, Transport};

use crate::deployment::Fleet;
use crate::output::Output;
use crate::settings::{self, Listeners};

/// Measure running instances: throughput, latency, and whether anything is lost
#[derive(Debug, Args)]
#[command(after_help = "\
Readers and senders join rooms called bench-0000 and so on, which stay: measure on a database
that may grow. The server limits how much one session may say; start it for this with
DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE=0. 'delivered' counts what readers saw, without senders.

With --events, senders have accounts, bench-… with a password that is kept nowhere, because guests
edit nothing; start the server with DISCORDCTL_LIMITS_REQUESTS_PER_MINUTE=0, too. Events count as
messages do, and readers over TCP ask to be shown them.

Exits 0 if all was well, 1 after errors, 2 if anything was lost, repeated or out of order.

Examples:
  discordctl bench
  discordctl bench --connections 200 --senders 10 --window 40 --duration 20s
  discordctl bench --connections 200 --senders 4 --rate 5 --svg latency.svg
  discordctl bench --connections 1000 --senders 0 --transport sse    memory of idle ones
  discordctl bench --connections 200 --senders 10 --window 40 --events 20
  discordctl bench --connections 200 --rate 20 --slow 1000
  discordctl bench --config-dir config --transport mixed --reconnect 20s --rate 50
  discordctl bench --connections 200 --senders 10 --window 40 --reference fanout")]
pub(crate) struct BenchArgs {
    /// Readers
    #[arg(long, value_name = "N", default_value_t = 50)]
    connections: usize,
    /// Rooms, over which readers and senders are spread
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rooms: u16,
    /// Senders, on connections of their own; 0 holds the readers idle
    #[arg(long, value_name = "N", default_value_t = 1)]
    senders: usize,
    /// Messages a second from each sender, whatever the server does; latency then counts from
    /// when a message was due
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "window")]
    rate: Option<f64>,
    /// Messages of each sender that are on their way at any time [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    window: Option<u32>,
    /// Of a hundred things that a sender does, so many are edits, reactions and deletions of its own
    /// messages
    #[arg(long, value_name = "PERCENT", default_value_t = 0, conflicts_with = "reference",
        value_parser = clap::value_parser!(u8).range(0..=50))]
    events: u8,
    /// Bytes in a message
    #[arg(long, value_name = "BYTES", default_value_t = 100,
        value_parser = clap::value_parser!(u16).range(32..=4_000))]
    size: u16,
    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "10s")]
    duration: HumanDuration,
    /// How long to send before that
    #[arg(long, value_name = "TIME", default_value = "1s")]
    warmup: HumanDuration,
    /// How readers are connected; senders use TCP
    #[arg(long, value_enum, default_value_t = Readers::Tcp)]
    transport: Readers,
    /// Over the ports of 'tls' alone; whose certificate is shown is not looked at
    #[arg(long, conflicts_with = "reference")]
    tls: bool,
    /// Readers over SSE and WebSocket cut their connection about so often, at random moments, and
    /// go on where they were, at the next instance; so they do when a server ends it
    #[arg(long, value_name = "TIME")]
    reconnect: Option<HumanDuration>,
    /// Readers more, who take 4 KiB a second and are not counted
    #[arg(long, value_name = "N", default_value_t = 0)]
    slow: usize,
    /// Connections more, which say nothing, or half a request
    #[arg(long, value_name = "N", default_value_t = 0)]
    silent: usize,
    /// Threads that read
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// Measure this instead of a server: a bare fan-out of the same bytes, in this process
    #[arg(long, value_enum, value_name = "WHAT")]
    reference: Option<Reference>,
    /// Write a line of numbers for each second
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// Draw the latency over time
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
    #[command(flatten)]
    listeners: Listeners,
    #[command(flatten)]
    fleet: Fleet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Readers {
    Tcp,
    Sse,
    Ws,
    /// One third each
    Mixed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reference {
    Fanout,
}

/// In flight where nothing is asked.
const WINDOW: u32 = 10;
/// A server that stands still for so long has lost what it was given.
const PATIENCE: Duration = Duration::from_secs(5);

impl BenchArgs {
    pub(super) fn plan(&self, output: &Output) -> anyhow::Result<Plan> {
        let load = match self.rate {
            Some(rate) => Load::OpenLoop(rate),
            None => Load::ClosedLoop(self.window.unwrap_or(WINDOW)),
        };
        Ok(Plan {
            subject: self.subject(output)?,
            connections: self.connections,
            rooms: self.rooms.into(),
            senders: self.senders,
            load,
            events: self.events,
            size: self.size.into(),
            warmup: self.warmup.get(),
            duration: self.duration.get(),
            transports: match self.transport {
                Readers::Tcp => vec![Transport::Tcp],
                Readers::Sse => vec![Transport::Sse],
                Readers::Ws => vec![Transport::Ws],
                Readers::Mixed => vec![Transport::Tcp, Transport::Sse, Transport::Ws],
            },
            reconnect: self.reconnect.map(|every| every.get()),
            slow: self.slow,
            silent: self.silent,
            threads: self.threads.into(),
            patience: PATIENCE,
        })
    }

    fn subject(&self, output: &Output) -> anyhow::Result<Subject> {
        if self.reference.is_some() {
            return Ok(Subject::Fanout);
        }
        let named = self.fleet.at.config.is_some() || self.fleet.at.config_dir.is_some();
        let configs = if named || !self.listeners.are_given() {
            self.fleet.configs(output)?
        } else {
            vec![settings::of(None)?.config]
        };
        let of = if self.tls { Site::by_tls } else { Site::of };
        let site = |config| of(&self.listeners.over(config));
        let sites = configs.into_iter().map(site).collect();
        Ok(Subject::Sites(sites))
    }
}
