//! The process of an instance, by its file, its lock, and the kernel.
use super::super::finding::{Finding, Verdict};
use crate::config::Config;
use crate::model::Cause;
use crate::process::{Files, Identity, Known, State, look};

const CHECK: &str = "process";

/// What the files of an instance say.
pub(super) struct Seen {
    pub(super) identity: Option<Identity>,
    pub(super) finding: Finding,
}

pub(super) async fn see(config: &Config) -> Seen {
    let on = &config.instance_id;
    let bad = |detail: String| Finding::bad(CHECK, on, Verdict::Critical, detail);
    let (identity, finding) = match look(&Files::of(config)).await {
        Ok(Known::Running(proof)) => {
            let identity = proof.identity;
            (Some(identity.clone()), running(on, &identity))
        }
        Ok(Known::Starting) => {
            let starting = Finding::bad(CHECK, on, Verdict::Warning, "it is starting");
            (None, starting.because(Cause::Starting))
        }
        Ok(Known::Stopped) => {
            let folder = config.data_dir.display();
            let why = format!("it does not run: no file of it in {folder}/run");
            let start =
                format!("discordctl start {on}; without a file, discordctl serve as it was");
            (None, bad(why).fix(start).because(Cause::NotStarted))
        }
        Ok(Known::Dead { identity, why }) => {
            let why = format!("it ended without a word: {why}");
            (Some(identity), bad(why).because(Cause::Died))
        }
        // It is the one, and only not ours to signal; looking is all that is done here.
        Ok(Known::Foreign { identity, why }) if why.only_the_user() => {
            let detail = format!("pid {}, {why}", identity.pid);
            (Some(identity), Finding::ok(CHECK, on, detail))
        }
        Ok(Known::Foreign { identity, why }) => {
            let why = format!("something else is in its place: {why}");
            (Some(identity), bad(why).because(Cause::Taken))
        }
        Err(error) => {
            let unknown = Finding::bad(CHECK, on, Verdict::Unknown, error.to_string());
            (None, unknown.because(Cause::Unseen))
        }
    };
    Seen { identity, finding }
}

fn running(on: &str, identity: &Identity) -> Finding {
    let detail = format!("pid {}, since {}", identity.pid, identity.started_at);
    match identity.state {
        State::Ready => Finding::ok(CHECK, on, detail),
        State::Starting => {
            let detail = match &identity.waits {
                Some(waits) => format!("{detail}, and still waits {waits}"),
                None => format!("{detail}, and still starting"),
            };
            Finding::bad(CHECK, on, Verdict::Warning, detail).because(Cause::Starting)
        }
        State::Draining => {
            let detail = format!("{detail}, and on its way out");
            Finding::bad(CHECK, on, Verdict::Warning, detail).because(Cause::Leaving)
        }
    }
}
