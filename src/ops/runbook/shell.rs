//! Running a piece of a runbook: line by line what it says, within a deadline, and with everything
//! that it started ended if that passes.
use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::model::plain;

/// Lines that may wait to be shown.
const LINES: usize = 256;
/// What a command left running may still hold its output open: that is not waited for.
const LAST_LINES: Duration = Duration::from_millis(300);

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Failed(i32),
    Signalled,
    Late,
}

/// Ends what it holds when it is dropped: a command and what that started.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let (Ok(None), Some(id)) = (self.child.try_wait(), self.id) {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// Runs `script`; each line that it says, on either stream, goes to `heard`.
pub(super) async fn run(
    script: &str,
    variables: &[(String, String)],
    within: Duration,
    mut heard: impl FnMut(&str),
) -> io::Result<Ended> {
    let mut child = Command::new("sh")
        .args(["-eu", "-c", script])
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let (lines, mut said) = mpsc::channel(LINES);
    if let Some(stdout) = child.stdout.take() {
        tokio::spawn(read(stdout, lines.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(read(stderr, lines));
    }
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let mut group = Group { child, id };
    let status = timeout(within, async {
        loop {
            tokio::select! {
                status = group.child.wait() => break status,
                Some(line) = said.recv() => heard(&line),
            }
        }
    })
    .await;
    let Ok(status) = status else {
        return Ok(Ended::Late);
    };
    while let Ok(Some(line)) = timeout(LAST_LINES, said.recv()).await {
        heard(&line);
    }
    let status = status?;
    Ok(match status.code() {
        Some(0) => Ended::Well,
        Some(code) => Ended::Failed(code),
        None => Ended::Signalled,
    })
}

/// Lines as text, each up to some length, so that no command fills the memory.
async fn read(from: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    const LONGEST: usize = 4 << 10;
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        let part = match from.fill_buf().await {
            Ok(part) if !part.is_empty() => part,
            _ => break,
        };
        let (taken, whole) = match memchr::memchr(b'\n', part) {
            Some(end) => (end + 1, true),
            None => (part.len(), false),
        };
        let room = LONGEST.saturating_sub(line.len());
        line.extend_from_slice(&part[..taken.min(room)]);
        from.consume(taken);
        if whole && lines.send(text(&std::mem::take(&mut line))).await.is_err() {
            return;
        }
    }
    if !line.is_empty() {
        let _ = lines.send(text(&line)).await;
    }
}

/// Nothing in it steers a terminal.
fn text(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    plain(line.trim_end_matches(['\n', '\r'])).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ran(script: &str, within: Duration) -> (Ended, Vec<String>) {
        let mut lines = Vec::new();
        let variables = [("WHO".to_owned(), "world".to_owned())];
        let ended = run(script, &variables, within, |line| {
            lines.push(line.to_owned())
        })
        .await;
        (ended.expect("there is a shell"), lines)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn what_it_says_and_how_it_ends() {
        let (ended, lines) = ran("echo hello $WHO; printf 'a\\033[2J' >&2; exit 3", LONG).await;
        assert_eq!(ended, Ended::Failed(3));
        assert!(
            lines.contains(&"hello world".into()) && lines.contains(&"a\u{fffd}[2J".into()),
            "{lines:?}"
        );
        // The first that fails ends it, and a variable that is not set is a failure.
        assert_eq!(ran("false; true", LONG).await.0, Ended::Failed(1));
        assert_ne!(ran("echo $NO_SUCH_VARIABLE", LONG).await.0, Ended::Well);
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_all_that_it_started() {
        let (ended, lines) = ran("sleep 600 & echo $!; wait", Duration::from_secs(1)).await;
        assert_eq!(ended, Ended::Late);
        let id = Pid::from_raw(lines[0].parse().expect("a pid")).expect("not 0");
        for _ in 0..500 {
            if rustix::process::test_kill_process(id).is_err() || is_zombie(id) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{id:?} still runs");
    }

    fn is_zombie(id: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero()));
        stat.is_ok_and(|stat| stat.contains(") Z "))
    }

    #[tokio::test]
    async fn what_goes_on_in_the_background_is_not_waited_for() {
        let (ended, lines) = ran("sleep 30 & echo started $!", LONG).await;
        assert_eq!((ended, lines.len()), (Ended::Well, 1));
        let id = lines[0]
            .trim_start_matches("started ")
            .parse()
            .expect("a pid");
        let id = Pid::from_raw(id).expect("not 0");
        rustix::process::kill_process(id, Signal::KILL).expect("it goes on");
    }
}
