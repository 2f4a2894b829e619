//! `discordctl logs`: the logs of instances in the background, as one.
use std::time::Duration;

use clap::Args;
use discordctl::config::Config;
use discordctl::model::plain;
use discordctl::ops::logs::{Line, Logs};
use discordctl::process::{Files, Identity};
use serde::Serialize;
use serde_json::Value;

use crate::deployment::Fleet;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::unless_signalled;
use crate::output::{Format, Output, reader_has_gone, write_out};
use crate::runtime::block_on;

/// Between two looks for what is new.
const PAUSE: Duration = Duration::from_millis(250);

/// Show the logs of instances in the background, and follow them
#[derive(Debug, Args)]
#[command(after_help = "\
The lines of all instances in the order of their times, each with its instance. --follow goes
on through every turn of a file (log.rotate_size), a restart, and a log that is moved away. An
instance that systemd runs logs to the journal, and 'discordctl serve' to its terminal.

Examples:
  discordctl logs
  discordctl logs instance-2 -n 100
  discordctl logs --follow
  discordctl logs --follow -o json | jq 'select(.log.level == \"WARN\")'")]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    fleet: Fleet,
    /// How many of the last lines of each
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 10)]
    lines: usize,
    /// Go on as lines come, until Ctrl-C
    #[arg(long)]
    follow: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    instance: &'a str,
    /// As the instance wrote it: an object, or a text where it is none.
    log: Value,
}

pub(crate) fn run(args: &LogsArgs, output: &Output) -> anyhow::Result<Exit> {
    args.fleet.something()?;
    let instances = args.fleet.configs(output)?;
    let of = |config: &Config| (config.instance_id.clone(), Files::of(config).log);
    let mut logs = Logs::of(instances.iter().map(of));
    let (lines, unread) = logs.last(args.lines);
    for (name, error) in &unread {
        let config = instances.iter().find(|config| config.instance_id == *name);
        output.note(&format!("{name}: {}", no_log(config, error)));
    }
    if unread.len() == instances.len() && !args.follow {
        return Err(none(&instances, &unread).into());
    }
    let width = instances.iter().map(|one| one.instance_id.len()).max();
    let format = output.format();
    let shown = move |lines: &[Line]| shown(lines, format, width.unwrap_or(0));
    let told = block_on(unless_signalled(async {
        let mut gone = std::pin::pin!(reader_has_gone());
        let mut lines = lines;
        loop {
            let has_gone = !lines.is_empty() && !write_out(shown(&lines)).await?;
            if has_gone || !args.follow {
                return Ok(Exit::Done);
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => lines = logs.news(),
                () = &mut gone => return Ok(Exit::Done),
            }
        }
    }))?;
    told.unwrap_or_else(Ok)
}

fn shown(lines: &[Line], format: Format, width: usize) -> Vec<u8> {
    let line = |line: &Line| match format {
        Format::Table => {
            let text = plain(&line.text);
            format!("{:<width$} | {text}\n", line.instance)
        }
        Format::Json => {
            let log = serde_json::from_str(&line.text);
            let row = Row {
                instance: &line.instance,
                log: log.unwrap_or_else(|_| Value::from(line.text.as_str())),
            };
            serde_json::to_string(&row).unwrap_or_default() + "\n"
        }
    };
    lines.iter().map(line).collect::<String>().into_bytes()
}

fn no_log(config: Option<&Config>, error: &std::io::Error) -> String {
    let files = config.map(Files::of);
    let identity = files.as_ref().map(|files| Identity::read(&files.identity));
    let unit = identity.and_then(|read| read.ok()??.unit);
    match (unit, files) {
        (Some(unit), _) => format!("systemd has its log: journalctl -u {unit}"),
        (None, Some(files)) => format!("cannot read {}: {error}", files.log.display()),
        (None, None) => error.to_string(),
    }
}

fn none(instances: &[Config], unread: &[(String, std::io::Error)]) -> Failure {
    let exit = unread
        .first()
        .map_or(Exit::NoInput, |(_, error)| error.into());
    let why = unread.iter().map(|(name, error)| {
        let config = instances.iter().find(|config| config.instance_id == *name);
        format!("{name}: {}", no_log(config, error))
    });
    let why: Vec<String> = why.collect();
    Failure::new(exit, "no_log", "there is no log to show")
        .why(why.join("\n"))
        .hint("'discordctl start' writes one; 'discordctl serve' logs to its terminal")
}
