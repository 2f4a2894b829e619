//! A server that runs, and the operator beside it.
use serde_json::{Value, json};

use crate::support::Shell;
use crate::support::process::Process;
use crate::support::server::spawn;

/// A server called `one`, and its operator.
pub(crate) async fn serve() -> (Process, Shell) {
    serve_in(Shell::new()).await
}

/// The same in a folder that is there.
pub(crate) async fn serve_in(shell: Shell) -> (Process, Shell) {
    let folder = shell.folder.path();
    let server = spawn(folder, "one", (0, 0)).await;
    let config = shell.path("one.json");
    let settings = json!({ "instance_id": "one", "data_dir": folder });
    std::fs::write(&config, settings.to_string()).unwrap();
    let config = config.display().to_string();
    (server, shell.with("DISCORDCTL_CONFIG", &config))
}

impl Shell {
    pub(crate) async fn connections(&self) -> Vec<Value> {
        let answer = self.run("connections").await.well();
        answer["connections"].as_array().expect("a list").clone()
    }
}
