//! `discordctl connections`: the clients of running instances, and how far behind they are.
use clap::Args;
use discordctl::process::control::{self, ConnectionList, Request};
use serde::Serialize;

use super::{Told, Whom};
use crate::exit::Exit;
use crate::output::{Output, table};

/// List who is connected
#[derive(Debug, Args)]
#[command(after_help = "\
Line sessions (tcp), streams of events (sse) and WebSockets; plain HTTP requests come and go.
LAG is how many messages are there that were not written to the client yet, WAITING how many
bytes its socket would not take. A proxy in front shows as PEER.

Examples:
  discordctl connections
  discordctl connections instance-1 --most 1000
  discordctl connections -o json | jq '.connections[] | select(.lag > 100)'
  discordctl disconnect instance-1:17")]
pub(crate) struct ConnectionsArgs {
    #[command(flatten)]
    whom: Whom,
    /// List so many of each instance, the oldest
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    most: usize,
}

#[derive(Serialize)]
struct Report {
    connections: Vec<Row>,
    /// How many there are, listed or not.
    total: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Missing>,
}

/// An instance that did not answer.
#[derive(Serialize)]
struct Missing {
    instance: String,
    error: String,
}

#[derive(Serialize)]
struct Row {
    /// As 'disconnect' takes it.
    id: String,
    instance: String,
    transport: String,
    nickname: Option<String>,
    rooms: Vec<String>,
    since: String,
    peer: String,
    encrypted: bool,
    lag: u64,
    bytes_waiting: u64,
}

impl Row {
    fn new(instance: &str, connection: control::Connection) -> Self {
        Self {
            id: format!("{instance}:{}", connection.id),
            instance: instance.to_owned(),
            transport: connection.transport,
            nickname: connection.nickname,
            rooms: connection.rooms,
            since: connection.since,
            peer: connection.peer,
            encrypted: connection.encrypted,
            lag: connection.lag,
            bytes_waiting: connection.bytes_waiting,
        }
    }
}

pub(crate) fn run(args: &ConnectionsArgs, output: &Output) -> anyhow::Result<Exit> {
    let told = args
        .whom
        .ask(&Request::Connections { most: args.most }, output)?;
    let report = join(told);
    output.result("connections", &report, as_text)?;
    Ok(if report.errors.is_empty() {
        Exit::Done
    } else {
        Exit::Unavailable
    })
}

fn join(told: Vec<Told<ConnectionList>>) -> Report {
    let mut report = Report {
        connections: Vec::new(),
        total: 0,
        errors: Vec::new(),
    };
    for Told { instance, outcome } in told {
        match outcome {
            Ok(list) => {
                report.total += list.total;
                let rows = list.connections.into_iter();
                report
                    .connections
                    .extend(rows.map(|connection| Row::new(&instance, connection)));
            }
            Err(error) => report.errors.push(Missing {
                instance,
                error: error.to_string(),
            }),
        }
    }
    report
}

fn as_text(report: &Report) -> String {
    let row = |row: &Row| {
        [
            row.id.clone(),
            row.transport.clone(),
            row.nickname.clone().unwrap_or_default(),
            row.rooms.join(" "),
            row.since.clone(),
            row.peer.clone(),
            row.lag.to_string(),
            row.bytes_waiting.to_string(),
        ]
    };
    let mut text = if report.connections.is_empty() {
        "nobody is connected".to_owned()
    } else {
        table(
            [
                "CONNECTION",
                "TRANSPORT",
                "NICKNAME",
                "ROOMS",
                "SINCE",
                "PEER",
                "LAG",
                "WAITING",
            ],
            report.connections.iter().map(row).collect(),
        )
    };
    let more = report.total.saturating_sub(report.connections.len());
    if more > 0 {
        text += &format!("\n\nand {more} more; --most lists them");
    }
    for missing in &report.errors {
        text += &format!("\n\n{}: {}", missing.instance, missing.error);
    }
    text
}
