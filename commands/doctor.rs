//! `discordctl doctor`: what is wrong around the instances, and how to mend it.
use std::path::PathBuf;

use clap::Args;
use discordctl::config::HumanDuration;
use discordctl::ops::doctor::{Plan, bundle, look};
use discordctl::ops::finding::{Finding, worst};
use serde::Serialize;

use crate::deployment::Fleet;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::health::{self, text};
use crate::output::Output;
use crate::runtime::block_on;
use crate::secret;

/// Find what is wrong around the instances, with a fix for each
#[derive(Debug, Args)]
#[command(after_help = "\
Looks at the configuration, ports and who holds them, file permissions, the
open-files limit, disk, the clock against the database's, the schema, settings
of PostgreSQL and Redis under which messages are lost, standbys, replication
slots and the archive of WAL, the role that PostgreSQL is used with, owners,
certificates that end soon, who may come in from where, and files that dead
instances left. What is broken hides nothing else.

With --url it reads a stream through whatever stands in front of the instances,
and says if that holds it back. With --bundle it writes a tar archive for
whoever helps you: configuration, health, metrics, logs, versions. There is no
password in it, and nothing that people wrote.

Exits 0 if all is well, 1 with warnings, 2 if something is critical, 3 if it cannot be told.

Examples:
  discordctl doctor
  discordctl doctor --url https://chat.example.org
  pass show chat/doctor | discordctl doctor --url https://chat.example.org --token-stdin
  discordctl doctor --bundle support.tar && tar -tf support.tar
  discordctl doctor -o json | jq -r '.checks[] | select(.level != \"ok\") | .fix'")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    fleet: Fleet,
    /// Where clients find the deployment: read a stream through it
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Read the stream as the bearer of a token, a line on standard input; where guests may not read,
    /// it takes one
    #[arg(long, requires = "url")]
    token_stdin: bool,
    /// Write a support archive; never over a file that is there
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// For everything that has to answer
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    timeout: HumanDuration,
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    checks: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<Bundle>,
}

#[derive(Serialize)]
struct Bundle {
    file: String,
    bytes: u64,
    files: Vec<String>,
}

pub(crate) fn run(args: &DoctorArgs, output: &Output) -> anyhow::Result<Exit> {
    if let Some(file) = args.bundle.as_deref().filter(|file| file.exists()) {
        return Err(Failure::would_overwrite(file.display()).into());
    }
    let plan = Plan {
        candidates: args.fleet.candidates(output)?,
        url: args.url.clone(),
        token: if args.token_stdin {
            Some(secret::from_stdin("token")?)
        } else {
            None
        },
        within: args.timeout.get(),
    };
    let (mut checks, parts) = block_on(async {
        let checks = look(&plan).await;
        let parts = match args.bundle {
            Some(_) => bundle::gather(&plan, &checks).await,
            None => Vec::new(),
        };
        (checks, parts)
    })?;
    args.fleet.at.complete(&mut checks);
    let bundle = match &args.bundle {
        Some(file) => Some(write(file, &parts)?),
        None => None,
    };
    let verdict = worst(&checks);
    let report = Report {
        status: verdict.as_str(),
        checks,
        bundle,
    };
    output.result("doctor", &report, as_text)?;
    Ok(health::exit(verdict))
}

fn write(file: &std::path::Path, parts: &[bundle::Part]) -> Result<Bundle, Failure> {
    let bytes = bundle::write(file, parts).map_err(|error| {
        if error.source.kind() == std::io::ErrorKind::AlreadyExists {
            return Failure::would_overwrite(file.display());
        }
        Failure::io(error.to_string(), &error.source)
    })?;
    Ok(Bundle {
        file: file.display().to_string(),
        bytes,
        files: parts.iter().map(|part| part.name.clone()).collect(),
    })
}

fn as_text(report: &Report) -> String {
    let all = report.checks.len();
    let bad = report.checks.iter().filter(|f| !f.is_ok()).count();
    let verdict = match bad {
        0 => format!("all of {all} checks are well"),
        bad => format!("{}: {bad} of {all} checks are not well", report.status),
    };
    let bundle = match &report.bundle {
        Some(Bundle { file, bytes, files }) => {
            let files = files.join("\n  ");
            format!("\n\nwrote {file}, {} KiB:\n  {files}", bytes.div_ceil(1024))
        }
        None => String::new(),
    };
    format!(
        "{}\n\n{}{verdict}{bundle}",
        text::checks(&report.checks),
        text::problems(&report.checks)
    )
}
