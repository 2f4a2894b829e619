//! Secrets from standard input: on a command line, all users of the machine could read them.
use std::io::{IsTerminal, Read};

use anyhow::Context;
use discordctl::model::Password;

/// All lines of it that hold something.
pub(crate) fn lines_from_stdin() -> anyhow::Result<Vec<String>> {
    const LONGEST: u64 = 1 << 20;
    let mut text = String::new();
    let read = std::io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_string(&mut text);
    read.context("cannot read what to look for from standard input")?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// The first line of it.
pub(crate) fn from_stdin(what: &str) -> anyhow::Result<Password> {
    const LONGEST: u64 = 4_096;
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let ask = format!("the {what}, and Enter, then Ctrl-D (it is shown as you type):");
        crate::output::tell(&ask);
    }
    let mut text = String::new();
    let read = stdin.lock().take(LONGEST).read_to_string(&mut text);
    read.with_context(|| format!("cannot read the {what} from standard input"))?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Password::from(line.to_owned()))
}
