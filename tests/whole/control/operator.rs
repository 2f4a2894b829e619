//! The operator: `discordctl` with arguments, beside a server that runs.
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::process::Process;
use crate::support::server::spawn;

/// Somebody with the settings of one instance.
pub(crate) struct Operator {
    config: PathBuf,
}

/// A server called `name` in `folder`, and its operator.
pub(crate) async fn serve(folder: &Path, name: &str) -> (Process, Operator) {
    let server = spawn(folder, name, (0, 0)).await;
    let config = folder.join(format!("{name}.json"));
    let settings = json!({ "instance_id": name, "data_dir": folder });
    std::fs::write(&config, settings.to_string()).unwrap();
    (server, Operator { config })
}

impl Operator {
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_discordctl"));
        command.args(args).arg("--config").arg(&self.config);
        command
    }

    /// The result as JSON; the command must succeed.
    pub(crate) async fn ask(&self, args: &[&str]) -> Value {
        let ended = run(self.command(&[args, &["-o", "json"]].concat())).await;
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{args:?}: {told}");
        serde_json::from_slice(&ended.stdout).expect("one JSON object")
    }

    /// How it ends where it fails: the exit code and the problem.
    pub(crate) async fn fail(&self, args: &[&str]) -> (Option<i32>, Value) {
        let ended = run(self.command(&[args, &["-o", "json"]].concat())).await;
        let problem = serde_json::from_slice(&ended.stderr).unwrap_or_default();
        (ended.status.code(), problem)
    }

    pub(crate) async fn connections(&self) -> Vec<Value> {
        let answer = self.ask(&["connections"]).await;
        answer["connections"].as_array().expect("a list").clone()
    }
}

pub(crate) async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("discordctl runs"))
        .await
        .unwrap()
}
