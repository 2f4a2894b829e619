//! `discordctl config check`: every problem of every file.
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use discordctl::config::{self, ConfigError, Loaded, Origin, Problem, Sources};
use discordctl::server::check_certificate;
use serde::Serialize;

use crate::exit::Exit;
use crate::output::Output;

/// Say everything that is wrong with files of settings
#[derive(Debug, Args)]
#[command(after_help = "\
Looks at each file alone, without variables and flags. Exits 0 if all are right, 78 if not.

Examples:
  discordctl config check config/instance*.json
  discordctl config check -o json new.json | jq '.files[].problems'")]
pub(crate) struct CheckArgs {
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    files: Vec<FileReport>,
}

#[derive(Serialize)]
struct FileReport {
    file: String,
    valid: bool,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

pub(crate) fn run(args: &CheckArgs, output: &Output) -> anyhow::Result<Exit> {
    let files: Vec<FileReport> = args.files.iter().map(|file| check(file)).collect();
    let all_valid = files.iter().all(|file| file.valid);
    output.result("config-check", &Report { files }, as_text)?;
    Ok(if all_valid { Exit::Done } else { Exit::Config })
}

fn check(file: &Path) -> FileReport {
    let loaded = config::load(Sources {
        file: Some(file.to_owned()),
        env: [],
        overrides: Vec::new(),
    });
    let (problems, warnings) = match loaded {
        Ok(loaded) => certificate(loaded),
        Err(ConfigError::Invalid { problems }) => (problems, Vec::new()),
        Err(ConfigError::Unreadable { path, source }) => {
            let unreadable = Problem {
                origin: Origin::File(path),
                key: None,
                message: format!("cannot be read: {source}"),
                suggestion: None,
            };
            (vec![unreadable], Vec::new())
        }
    };
    FileReport {
        file: file.display().to_string(),
        valid: problems.is_empty(),
        problems,
        warnings,
    }
}

/// What a start would find of the certificate beside.
fn certificate(loaded: Loaded) -> (Vec<Problem>, Vec<Problem>) {
    let Loaded {
        config,
        provenance,
        mut warnings,
    } = loaded;
    let of = |key: &str, message: String| Problem {
        origin: provenance.origin(key).clone(),
        key: Some(key.to_owned()),
        message,
        suggestion: None,
    };
    match check_certificate(&config) {
        Ok(warning) => {
            warnings.extend(warning.map(|warning| of("tls.key", warning)));
            (Vec::new(), warnings)
        }
        Err(error) => (vec![of("tls.cert", error.to_string())], warnings),
    }
}

fn as_text(report: &Report) -> String {
    let mut text = String::new();
    for file in &report.files {
        let verdict = match file.problems.len() {
            0 => "right".to_owned(),
            1 => "1 problem".to_owned(),
            n => format!("{n} problems"),
        };
        let _ = writeln!(text, "{}: {verdict}", file.file);
        for problem in &file.problems {
            let _ = writeln!(text, "  {}", problem.told());
        }
        for warning in &file.warnings {
            let _ = writeln!(text, "  warning: {}", warning.told());
        }
    }
    text
}
