//! `discordctl status --can-stop`: whether an instance may go.
use discordctl::ops::instances::{MayStop, SystemClock, may_stop};

use crate::deployment::{Fleet, Twice};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::runtime::block_on;

/// 0 if it can be stopped, 1 if not: for `discordctl status --can-stop NAME && …`.
pub(super) fn run(name: &str, fleet: &Fleet, output: &Output) -> anyhow::Result<Exit> {
    let all = fleet.all(Twice::Refuse, output)?;
    let Some(place) = all.iter().find(|place| place.name() == name) else {
        let known: Vec<&str> = all.iter().map(|place| place.name()).collect();
        let what = format!("there is no instance '{}'", name.escape_debug());
        return Err(Failure::new(Exit::NoInput, "no_such_instance", what)
            .why(format!("there are {}", known.join(", ")))
            .hint("name one of those; --config-dir names the folder of others")
            .into());
    };
    let answer = block_on(may_stop(place, &all, &SystemClock))?;
    output.result("can-stop", &answer, as_text)?;
    Ok(if answer.can_stop {
        Exit::Done
    } else {
        Exit::Warning
    })
}

fn as_text(answer: &MayStop) -> String {
    let word = if answer.can_stop { "yes" } else { "no" };
    format!("{word}: {}", answer.why)
}
