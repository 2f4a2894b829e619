//! stdout: the result and nothing else, as a table or as one JSON object.
use std::ffi::OsString;
use std::io::{self, Write};

use anyhow::Context;
use clap::ValueEnum;
use discordctl::model::{plain, plain_json};
use serde::Serialize;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
}

impl Format {
    /// What raw arguments ask for, so that an error in them can be told in that form.
    pub(crate) fn asked_for(args: &[OsString]) -> Self {
        let args: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
        let json = args
            .iter()
            .any(|arg| ["-ojson", "-o=json", "--output=json"].contains(arg))
            || args
                .windows(2)
                .any(|pair| ["-o", "--output"].contains(&pair[0]) && pair[1] == "json");
        if json { Self::Json } else { Self::Table }
    }
}

/// What `-o` may be. The last two are forms of `discordctl health` alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Asked {
    #[default]
    Table,
    Json,
    #[value(hide = true)]
    Nagios,
    #[value(hide = true)]
    Prometheus,
}

impl Asked {
    /// The form of everything that is no health: errors above all.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Table | Self::Nagios | Self::Prometheus => Format::Table,
        }
    }

    /// Whether it is a form for a program that watches.
    pub(crate) fn is_plugin(self) -> bool {
        matches!(self, Self::Nagios | Self::Prometheus)
    }
}

pub(crate) struct Output {
    asked: Asked,
}

/// A result, with the name and version of its shape.
#[derive(Serialize)]
struct Envelope<'a, T> {
    schema: String,
    #[serde(flatten)]
    result: &'a T,
}

impl<'a, T> Envelope<'a, T> {
    fn new(command: &str, result: &'a T) -> Self {
        Self {
            schema: format!("discordctl.{command}/1"),
            result,
        }
    }
}

impl Output {
    pub(crate) fn new(asked: Asked) -> Self {
        Self { asked }
    }

    pub(crate) fn format(&self) -> Format {
        self.asked.format()
    }

    /// The same result, and nothing said beside it.
    pub(crate) fn quietly(&self) -> Self {
        match self.asked {
            Asked::Table => Self::new(Asked::Nagios),
            other => Self::new(other),
        }
    }

    /// A line on stderr for people. A program that reads stderr expects a problem there, or
    /// nothing.
    pub(crate) fn note(&self, line: &str) {
        if self.asked == Asked::Table {
            tell(line);
        }
    }

    /// Prints a command's result; `table` makes the form for people.
    pub(crate) fn result<T: Serialize>(
        &self,
        command: &str,
        result: &T,
        table: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        match self.format() {
            Format::Table => self.text(&format!("{}\n", table(result).trim_end()))?,
            Format::Json => self.json(&serde_json::to_string_pretty(&Envelope::new(
                command, result,
            ))?)?,
        };
        Ok(())
    }

    /// Prints one result of many: a line of JSON, or a table with a blank line after it. False
    /// when the reader has gone.
    pub(crate) fn one_of_many<T: Serialize>(
        &self,
        command: &str,
        result: &T,
        table: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<bool> {
        match self.format() {
            Format::Table => self.text(&format!("{}\n\n", table(result).trim_end())),
            Format::Json => self.json(&serde_json::to_string(&Envelope::new(command, result))?),
        }
    }

    /// Prints one line of JSON Lines, for commands that tell what they do while they do it.
    pub(crate) fn json_line<T: Serialize>(&self, name: &str, line: &T) -> anyhow::Result<()> {
        let text = serde_json::to_string(&Envelope::new(name, line))?;
        self.json(&text).map(drop)
    }

    /// Prints text for people, or in a form of its own. Whatever is in it from outside, it
    /// commands no terminal. False if the reader has gone.
    pub(crate) fn text(&self, text: &str) -> anyhow::Result<bool> {
        self.write(plain(text).as_bytes())
    }

    fn json(&self, json: &str) -> anyhow::Result<bool> {
        self.write(format!("{}\n", plain_json(json)).as_bytes())
    }

    /// Prints bytes of our own that are a format of their own. A reader that has seen enough
    /// (`| head -1`) is no error.
    pub(crate) fn raw(&self, bytes: &[u8]) -> anyhow::Result<()> {
        self.write(bytes).map(|_| ())
    }

    /// False if the reader has gone.
    fn write(&self, bytes: &[u8]) -> anyhow::Result<bool> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            result => result
                .map(|()| true)
                .context("cannot write the result to stdout"),
        }
    }
}

/// Prints whole lines of JSON. The reader may take its time: meanwhile the thread that waits for
/// signals goes on. False if the reader has gone.
pub(crate) async fn write_out(lines: Vec<u8>) -> anyhow::Result<bool> {
    let write = move || {
        let text = String::from_utf8_lossy(&lines);
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(plain_json(&text).as_bytes());
        match written.and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            result => result.map(|()| true),
        }
    };
    let written = tokio::task::spawn_blocking(write).await?;
    written.context("cannot write the result to stdout")
}

/// Waits until what reads stdout has gone: one that follows must not wait for the next line to find
/// that out. For ever, where stdout is no pipe.
pub(crate) async fn reader_has_gone() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(500);
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    loop {
        let stdout = io::stdout();
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        let looked = poll(&mut watched, Some(&at_once));
        if looked.is_ok() && watched[0].revents().contains(PollFlags::ERR) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A line on stderr. That it cannot be written is no reason to end.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Rows below a heading, for `-o table`.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut builder = Builder::new();
    builder.push_record(heading);
    for row in rows {
        builder.push_record(row);
    }
    let table = builder
        .build()
        .with(Style::empty())
        .with(Padding::new(0, 2, 0, 0))
        .to_string();
    let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
    lines.join("\n")
}
