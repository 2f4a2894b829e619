//! What a running instance looks after beside its clients: signals, its log, its files.
use std::os::fd::AsFd;
use std::time::Duration;

use discordctl::process::Claim;
use discordctl::process::control::Reloaded;
use discordctl::server::{Order, Orders, Server, log};

use super::ServeArgs;
use crate::failure::Failure;

/// Between two looks at what may have been taken away.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Lives until a signal asks to stop. What else signals ask is done on the way.
pub(super) async fn until_stop(
    args: &ServeArgs,
    server: &Server,
    claim: &mut Claim,
    orders: &mut Orders,
) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut files = Files::Well;
    let mut asked = server.reload_requests();
    loop {
        tokio::select! {
            order = orders.next() => match order {
                Order::Stop(_) => return,
                Order::Reopen => log::reopen(),
                Order::Reload => {
                    // The log has what came of it.
                    let _ = reload(args, server, claim);
                }
            },
            Some(request) = asked.recv() => request.answer(reload(args, server, claim)),
            _ = look.tick() => {
                log::follow();
                files = files.after(mended(server, claim));
            }
        }
    }
}

/// Puts its files back, and lets a successor have the lock that holds now.
fn mended(server: &Server, claim: &mut Claim) -> Result<bool, String> {
    let mended = claim.mend().map_err(|error| error.to_string())?;
    if mended {
        let lock = claim.lock().as_fd().try_clone_to_owned();
        server.can_hand_over(lock.map_err(|error| error.to_string())?);
    }
    Ok(mended)
}

/// How its files are, so that each change is told once.
#[derive(Debug, PartialEq, Eq)]
enum Files {
    Well,
    /// They are gone, and cannot be put back.
    Gone(String),
}

impl Files {
    fn after(self, mended: Result<bool, String>) -> Self {
        match mended {
            Ok(false) => Self::Well,
            Ok(true) => {
                tracing::warn!("this instance's lock or record was removed, and is there again");
                Self::Well
            }
            Err(why) => {
                if self != Self::Gone(why.clone()) {
                    tracing::error!(
                        why,
                        "this instance's lock or record was removed; it serves on, and commands may not find it"
                    );
                }
                Self::Gone(why)
            }
        }
    }
}

/// Reads the configuration again, and follows it as far as that needs no restart: all of what can
/// change, or nothing.
fn reload(
    args: &ServeArgs,
    server: &Server,
    claim: &mut Claim,
) -> Result<Reloaded, (&'static str, String)> {
    log::reopen();
    let loaded = match args.settings.load() {
        Ok(loaded) => loaded,
        Err(Failure {
            code, what, why, ..
        }) => {
            tracing::error!(
                what,
                why,
                "nothing was reloaded: the settings from before hold"
            );
            return Err((code, format!("{what}; nothing was reloaded:\n{why}")));
        }
    };
    let mut reloaded = server.reload(&loaded.config);
    let warnings = loaded.warnings.iter().map(ToString::to_string);
    reloaded.warnings.extend(warnings);
    if let Err(error) = claim.follow(&server.config()) {
        tracing::warn!(%error, "commands may not see the settings that hold now");
    }
    tracing::warn!(
        changed = reloaded.changed.join(", "),
        waiting = reloaded.waiting.join(", "),
        warnings = reloaded.warnings.join("; "),
        "reloaded: what changed holds; what waits needs a restart"
    );
    Ok(reloaded)
}
