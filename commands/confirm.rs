//! Asking before what cannot be undone.
use std::io::{BufRead, IsTerminal, Write};

use crate::exit::Exit;
use crate::failure::Failure;

/// Returns if it may be done: `--yes` was given, or the user at a terminal says so.
pub(crate) fn confirm(yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let refused = |exit, code, why: &str, hint: &str| {
        Failure::new(exit, code, "nothing was done")
            .why(why)
            .hint(hint)
    };
    let mut stdin = std::io::stdin().lock();
    if !stdin.is_terminal() {
        let why = format!("this would {what}, and nobody is there to ask");
        let hint = "say --yes if that is meant";
        return Err(refused(Exit::Usage, "confirmation-needed", &why, hint));
    }
    let mut stderr = anstream::stderr().lock();
    let mut answer = String::new();
    let asked = write!(stderr, "This will {what}.\nType 'yes' to go on: ")
        .and_then(|()| stderr.flush())
        .and_then(|()| stdin.read_line(&mut answer));
    match asked {
        Ok(_) if answer.trim() == "yes" => Ok(()),
        _ => Err(refused(
            Exit::Warning,
            "not-confirmed",
            "you did not say yes",
            "ask again",
        )),
    }
}
