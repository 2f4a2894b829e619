//! An instance of the drill's own, under the settings of a file that it wrote.
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::error::DrillError;
use super::folder::Folder;
use super::server::{Server, free_port};
use crate::config::{self, Sources};
use crate::ops::http;
use crate::ops::instances::Place;
use crate::process::{Known, look};

const START_WITHIN: Duration = Duration::from_secs(60);
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// What is killed is gone by then.
const KILLED_WITHIN: Duration = Duration::from_secs(10);
/// What a line reader is shown when it comes back: all that it can have missed.
pub(super) const MOST_MESSAGES: usize = 1_000;

/// Where an instance listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address {
    pub(super) tcp: SocketAddr,
    pub(super) http: SocketAddr,
}

pub(super) struct Instance {
    pub(super) place: Place,
    pub(super) address: Address,
    binary: PathBuf,
    log: PathBuf,
    server: Server,
}

impl Instance {
    pub(super) async fn start(
        folder: &Folder,
        number: usize,
        binary: &Path,
        db_url: &str,
        redis_url: &str,
    ) -> Result<Self, DrillError> {
        let name = format!("instance-{number}");
        let (tcp, http) = (free_port()?, free_port()?);
        let settings = json!({
            "tcp_port": tcp, "http_port": http, "instance_id": name,
            "db_url": db_url, "redis_url": redis_url, "data_dir": folder.path("data"),
            "history": { "per_room": MOST_MESSAGES },
            "limits": { "messages_per_minute": 0 },
            "retention": { "schedule": "off" }, "archive": { "schedule": "off" },
        });
        let file = folder.path(&format!("instance{number}.json"));
        fs::write(&file, settings.to_string()).map_err(DrillError::io("write", &file))?;
        let loaded = config::load(Sources {
            file: Some(file.clone()),
            env: [],
            overrides: Vec::new(),
        });
        let config = loaded
            .map_err(|e| DrillError::Instance(e.to_string()))?
            .config;
        let log = folder.path(&format!("{name}.log"));
        let server = spawn(&name, binary, &file, &log)?;
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut instance = Self {
            place: Place::new(file, config),
            address: Address {
                tcp: at(tcp),
                http: at(http),
            },
            binary: binary.to_owned(),
            log,
            server,
        };
        instance.ready().await?;
        Ok(instance)
    }

    pub(super) fn name(&self) -> &str {
        self.place.name()
    }

    pub(super) fn pid(&self) -> u32 {
        self.server.pid()
    }

    pub(super) async fn kill(&mut self) {
        self.server.kill().await;
    }

    pub(super) async fn restart(&mut self) -> Result<(), DrillError> {
        self.server = spawn(self.place.name(), &self.binary, &self.place.file, &self.log)?;
        self.ready().await
    }

    /// Whether all is well, its database and its Redis included.
    pub(super) async fn is_healthy(&self) -> bool {
        let health = http::get(self.address.http, "/health", "*/*", ANSWER_WITHIN).await;
        health.is_ok_and(|health| health.json()["status"] == "healthy")
    }

    /// Ends whoever serves it now. After a rolling restart that is no child of ours, and is met
    /// through its lock and its file.
    pub(super) async fn end(mut self) -> Result<(), DrillError> {
        self.server.kill().await;
        if let Known::Running(proof) = look(&self.place.files).await? {
            let failed = |source| DrillError::Io {
                what: format!(
                    "can't end {} (pid {})",
                    self.place.name(),
                    proof.identity.pid
                ),
                source,
            };
            proof.signal(Signal::KILL).map_err(failed)?;
            proof.ended(KILLED_WITHIN).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn ready(&mut self) -> Result<(), DrillError> {
        let (address, pid) = (self.address.http, self.server.pid());
        let answers = async || {
            let ready = http::get(address, "/readyz", "*/*", ANSWER_WITHIN).await;
            ready.is_ok_and(|ready| ready.status == 200 && ready.json()["pid"] == pid)
        };
        self.server.until(START_WITHIN, answers).await
    }
}

fn spawn(name: &str, binary: &Path, file: &Path, log: &Path) -> Result<Server, DrillError> {
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    Server::spawn(name, command, log, Signal::KILL)
}
