//! While it runs: a line on the terminal, and Ctrl-C, after which there is still a report.
use std::thread;
use std::time::Duration;

use discordctl::ops::bench::{Live, Plan};
use discordctl::server::Signals;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::oneshot;

use crate::exit::Exit;

/// Between two lines.
const LOOK: Duration = Duration::from_millis(500);

/// Does `work` under watch; also returns what a signal wants the process to end with. Progress
/// is shown on stderr if that is a terminal.
pub(super) fn watched<T>(
    plan: &Plan,
    live: &Live,
    work: impl FnOnce() -> T,
) -> std::io::Result<(T, Option<Exit>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let signals = {
        let _within = runtime.enter();
        Signals::new()?
    };
    let (over, is_over) = oneshot::channel::<()>();
    Ok(thread::scope(|scope| {
        let watching = scope.spawn(move || runtime.block_on(watch(plan, live, signals, is_over)));
        let done = work();
        drop(over);
        (done, watching.join().unwrap_or_default())
    }))
}

async fn watch(
    plan: &Plan,
    live: &Live,
    mut signals: Signals,
    mut is_over: oneshot::Receiver<()>,
) -> Option<Exit> {
    let bar = ProgressBar::new_spinner();
    // The template is ours; if it were wrong, the default would do.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let (mut before, mut ended) = ((0, 0), None);
    loop {
        tokio::select! {
            _ = &mut is_over => break,
            signal = signals.next() => {
                let exit = Exit::of_signal(signal);
                if ended.is_some() {
                    std::process::exit(exit as i32);
                }
                live.stop();
                ended = Some(exit);
            }
            () = tokio::time::sleep(LOOK) => {
                bar.set_message(line(plan, live, &mut before));
                bar.tick();
            }
        }
    }
    bar.finish_and_clear();
    ended
}

fn line(plan: &Plan, live: &Live, before: &mut (u64, u64)) -> String {
    let connections = plan.connections + plan.senders;
    let (committed, delivered) = (live.committed(), live.delivered());
    let per_second = |now: u64, before: u64| (now - before) * 2;
    let text = format!(
        "{}/{connections} connected, {}/s committed, {}/s delivered",
        live.open(),
        per_second(committed, before.0),
        per_second(delivered, before.1),
    );
    *before = (committed, delivered);
    text
}
