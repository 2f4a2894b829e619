//! The process that replaces one instance, out of reach of the process that started it.
use std::io::Write;

use anyhow::Context;
use clap::Args;
use discordctl::ops::instances::Place;
use discordctl::ops::instances::roll::{Event, Order, Outcome, step};

use crate::exit::Exit;
use crate::runtime::block_on;
use crate::settings;

/// Replace one instance, as `restart` does it
#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    /// What to do, as JSON
    order: String,
}

pub(crate) fn run(args: &StepArgs) -> anyhow::Result<Exit> {
    // Fails where it leads a group already, and then no terminal's Ctrl-C reaches it either.
    let _ = rustix::process::setsid();
    let order: Order = serde_json::from_str(&args.order).context("not an order")?;
    let config = settings::of(Some(&order.file))?.config;
    let place = Place::new(Some(order.file.clone()), config);
    let outcome = block_on(step(&place, &order, &mut tell))?;
    Ok(match outcome {
        Outcome::Replaced { .. } => Exit::Done,
        _ => Exit::Critical,
    })
}

/// The listener may be gone. That changes nothing.
fn tell(event: Event) {
    let Ok(line) = serde_json::to_string(&event) else {
        return;
    };
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
