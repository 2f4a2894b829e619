//! An instance: of the drill's own, under the settings of a file that it wrote, or one that ran
//! before.
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
use crate::ops::instances::{Launch, Place, Started, start};
use crate::ops::probe;
use crate::private;
use crate::process::{Executable, Known, Proof, look};

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
    process: Process,
}

enum Process {
    /// A child of ours.
    Ours {
        binary: PathBuf,
        log: PathBuf,
        server: Server,
    },
    /// It is met through its lock and its file, and started as it was.
    Theirs { binary: PathBuf },
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
            "limits": { "messages_per_minute": 0, "requests_per_minute": 0 },
            "retention": { "schedule": "off" }, "archive": { "schedule": "off" },
        });
        let file = folder.path(&format!("instance{number}.json"));
        private::write_whole(&file, settings.to_string().as_bytes())
            .map_err(DrillError::io("write", &file))?;
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
            process: Process::Ours {
                binary: binary.to_owned(),
                log,
                server,
            },
        };
        instance.ready().await?;
        Ok(instance)
    }

    pub(super) fn name(&self) -> &str {
        self.place.name()
    }

    /// One that runs and is proved to be the configured instance. It must be possible to start it
    /// again as it is.
    pub(super) async fn found(place: Place) -> Result<Self, DrillError> {
        let refused = |why: &str| DrillError::Refused(format!("{} {why}", place.name()));
        let proof = proof(&place).await?;
        let identity = &proof.identity;
        let executable = identity.facts.executable.as_ref();
        let binary = match executable {
            Some(executable) => executable.path.clone(),
            // Where the kernel does not tell it.
            None => std::env::current_exe().map_err(DrillError::io("find", &place.files.run))?,
        };
        if place.file.is_none() {
            return Err(refused("was started without a file of settings"));
        }
        let on_disk = Executable::at(&binary).ok();
        if executable.is_some() && on_disk.as_ref() != executable {
            return Err(refused(
                "runs a program that was replaced meanwhile: restart it first",
            ));
        }
        let (Some(tcp), Some(http)) = (identity.tcp_port, identity.http_port) else {
            return Err(refused("does not listen yet"));
        };
        let address = Address {
            tcp: place.config.local(tcp),
            http: place.config.local(http),
        };
        Ok(Self {
            address,
            process: Process::Theirs { binary },
            place,
        })
    }

    /// What it runs.
    pub(super) fn binary(&self) -> &Path {
        match &self.process {
            Process::Ours { binary, .. } | Process::Theirs { binary } => binary,
        }
    }

    /// The pid of what was killed.
    pub(super) async fn kill(&mut self) -> Result<u32, DrillError> {
        match &mut self.process {
            Process::Ours { server, .. } => {
                let pid = server.pid();
                server.kill().await;
                Ok(pid)
            }
            Process::Theirs { .. } => {
                let proof = proof(&self.place).await?;
                let failed = |source| DrillError::Io {
                    what: format!("can't kill {}", self.place.name()),
                    source,
                };
                proof.signal(Signal::KILL).map_err(failed)?;
                proof.ended(KILLED_WITHIN).await.map_err(failed)?;
                Ok(proof.identity.pid)
            }
        }
    }

    /// The pid of the new one, which is ready.
    pub(super) async fn restart(&mut self) -> Result<u32, DrillError> {
        match &mut self.process {
            Process::Ours {
                binary,
                log,
                server,
            } => {
                let file = self.place.file.clone().unwrap_or_default();
                *server = spawn(self.place.name(), binary, &file, log)?;
                self.ready().await
            }
            Process::Theirs { binary } => {
                let launch = Launch::of(binary.clone(), self.place.start_within());
                match start(&self.place, &launch).await {
                    Ok(
                        Started::Already { pid }
                        | Started::Now { pid, .. }
                        | Started::ByUnit { pid, .. },
                    ) => Ok(pid),
                    Err(error) => {
                        let name = self.place.name();
                        let why = format!("{name} IS DOWN and can't be started again: {error}");
                        Err(DrillError::Instance(why))
                    }
                }
            }
        }
    }

    /// Whether all is well, its database and its Redis included.
    pub(super) async fn is_healthy(&self) -> bool {
        let health = probe::instance::health(self.address.http, ANSWER_WITHIN).await;
        health.is_ok_and(|health| health.status.as_deref() == Some("healthy"))
    }

    /// Ends whoever serves it now, if it is ours. After a rolling restart that is no child of
    /// ours, and is met through its lock and its file.
    pub(super) async fn end(mut self) -> Result<(), DrillError> {
        let Process::Ours { server, .. } = &mut self.process else {
            return Ok(());
        };
        server.kill().await;
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

    /// The pid of the one that is.
    pub(super) async fn ready(&mut self) -> Result<u32, DrillError> {
        let Process::Ours { server, .. } = &mut self.process else {
            return Ok(proof(&self.place).await?.identity.pid);
        };
        let (address, pid) = (self.address.http, server.pid());
        let answers = async || {
            let ready = probe::instance::is_ready(address, pid, ANSWER_WITHIN).await;
            ready.is_ok()
        };
        server.until(START_WITHIN, answers).await?;
        Ok(pid)
    }
}

/// That it runs, and may be signalled.
async fn proof(place: &Place) -> Result<Proof, DrillError> {
    let why = match look(&place.files).await? {
        Known::Running(proof) => return Ok(proof),
        Known::Stopped | Known::Dead { .. } => "does not run: start it first".to_owned(),
        Known::Starting => "is starting: wait until it is ready".to_owned(),
        Known::Foreign { identity, why } => {
            let why: Vec<_> = why.iter().map(ToString::to_string).collect();
            format!(
                "is not ours to touch (pid {}): {}",
                identity.pid,
                why.join("; ")
            )
        }
    };
    Err(DrillError::Refused(format!("{} {why}", place.name())))
}

fn spawn(name: &str, binary: &Path, file: &Path, log: &Path) -> Result<Server, DrillError> {
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    Server::spawn(name, command, log, Signal::KILL)
}
