//! Secrets from standard input: on a command line, all users of the machine could read them.
use std::io::{IsTerminal, Read};

use anyhow::Context;
use discordctl::model::Password;

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
