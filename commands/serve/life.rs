//! What a running instance looks after beside its clients: signals, its log, its files.
use std::os::fd::AsFd;
use std::time::Duration;

use discordctl::config::Config;
use discordctl::process::Claim;
use discordctl::server::{Order, Orders, Server, log};

use super::ServeArgs;

/// Between two looks at what may have been taken away.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Lives until a signal asks to stop. What else signals ask is done on the way.
pub(super) async fn until_stop(
    args: &ServeArgs,
    config: &Config,
    server: &Server,
    claim: &mut Claim,
    orders: &mut Orders,
) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut files = Files::Well;
    loop {
        tokio::select! {
            order = orders.next() => match order {
                Order::Stop(_) => return,
                Order::Reopen => log::reopen(),
                Order::Reload => {
                    log::reopen();
                    reload(args, config);
                }
            },
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

/// Reads the configuration again. The log's level takes effect at once, and nothing else.
fn reload(args: &ServeArgs, config: &Config) {
    let now = match args.settings.load() {
        Ok(loaded) => loaded.config,
        Err(failure) => {
            let (what, why) = (failure.what, failure.why);
            tracing::error!(
                what,
                why,
                "nothing was reloaded: the settings from before hold"
            );
            return;
        }
    };
    log::set_usual(now.log.level);
    let mut waiting = config.differing(&now);
    waiting.retain(|key| key != "log.level");
    let level = now.log.level.as_str();
    if waiting.is_empty() {
        tracing::warn!(level, "reloaded: the log's level, and its file opened anew")
    } else {
        tracing::warn!(
            level,
            waiting = waiting.join(", "),
            "reloaded: the log's level, and its file opened anew; what else was changed takes \
             effect at the next start"
        )
    }
}
