//! The process that does a step. It outlives the roll: a roller that is killed leaves nothing
//! half done.
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::event::{Event, Fault, How, Outcome, What};
use super::step::Order;

/// How to run the step of an order as a process, which tells its events on stdout, a line each.
#[derive(Debug, Clone)]
pub struct Keeper {
    pub program: PathBuf,
    /// What comes before the order on its command line.
    pub arguments: Vec<String>,
}

impl Keeper {
    /// Has the step done, and passes on what is told.
    pub(super) async fn step(
        &self,
        order: &Order,
        tell: &mut (dyn FnMut(Event) + Send),
    ) -> Outcome {
        match self.run(order, tell).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => lost("the process that replaces it ended without a word".into()),
            Err(error) => lost(format!("cannot run {}: {error}", self.program.display())),
        }
    }

    async fn run(
        &self,
        order: &Order,
        tell: &mut (dyn FnMut(Event) + Send),
    ) -> std::io::Result<Option<Outcome>> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(serde_json::to_string(order)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Ctrl-C on our terminal is for us, not for the step.
            .process_group(0)
            .spawn()?;
        let mut finished = None;
        if let Some(stdout) = child.stdout.take() {
            let mut lines = BufReader::new(stdout).lines();
            while let Some(line) = lines.next_line().await? {
                let Ok(event) = serde_json::from_str::<Event>(&line) else {
                    tracing::warn!("an event that is none");
                    continue;
                };
                if let What::Finished { outcome } = &event.what {
                    finished = Some(outcome.clone());
                }
                tell(event);
            }
        }
        child.wait().await?;
        Ok(finished)
    }
}

fn lost(why: String) -> Outcome {
    Outcome::Lost(Fault::new(How::Refused, why))
}
