//! An instance: of the drill's own, under the settings of a file that it wrote, or one that ran
//! before. Both are started as `discordctl start` does it, and met through lock and record.
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::error::DrillError;
use super::folder::Folder;
use super::server::free_port;
use crate::config::{self, Sources};
use crate::model::ListenerKind;
use crate::ops::instances::{Launch, Place, start};
use crate::ops::probe::instance::{Site, health};
use crate::private;
use crate::process::{Executable, Known, Proof, look, look_now};

const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// What is killed is gone by then.
const KILLED_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at one that is to be gone.
const BETWEEN: Duration = Duration::from_millis(20);
/// What a line reader is shown when it comes back: all that it can have missed.
pub(super) const MOST_MESSAGES: usize = 1_000;

pub(super) struct Instance {
    pub(super) place: Place,
    pub(super) site: Site,
    /// What it runs.
    pub(super) binary: PathBuf,
    owner: Owner,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// It ends with the value that stands for it.
    Drill,
    Operator,
}

impl Instance {
    /// One of the drill's own, which is not started yet.
    pub(super) fn private(
        folder: &Folder,
        number: usize,
        binary: &Path,
        db_url: &str,
        redis_url: &str,
    ) -> Result<Self, DrillError> {
        let settings = json!({
            "tcp_port": free_port()?, "http_port": free_port()?,
            "instance_id": format!("instance-{number}"),
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
        let loaded = loaded.map_err(|error| DrillError::Instance(error.to_string()))?;
        Ok(Self {
            site: Site::of(&loaded.config),
            place: Place::new(Some(file), loaded.config),
            binary: binary.to_owned(),
            owner: Owner::Drill,
        })
    }

    pub(super) fn name(&self) -> &str {
        self.place.name()
    }

    /// One that runs and is proved to be the configured instance. It must be possible to start it
    /// again as it is.
    pub(super) async fn found(place: Place) -> Result<Self, DrillError> {
        let refused = |why: &str| DrillError::Refused(format!("{} {why}", place.name()));
        let identity = proof(&place).await?.identity;
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
        let port = |kind| identity.listeners.port(kind);
        let (Some(tcp), Some(http)) = (port(ListenerKind::Lines), port(ListenerKind::Http)) else {
            return Err(refused("does not listen yet"));
        };
        let site = Site {
            tcp: place.config.local(tcp).into(),
            http: place.config.local(http).into(),
            ..Site::of(&place.config)
        };
        Ok(Self {
            site,
            binary,
            place,
            owner: Owner::Operator,
        })
    }

    /// The pid of what was killed.
    pub(super) async fn kill(&self) -> Result<u32, DrillError> {
        let proof = proof(&self.place).await?;
        let failed = |source| DrillError::Io {
            what: format!("cannot kill {}", self.name()),
            source,
        };
        proof.signal(Signal::KILL).map_err(failed)?;
        proof.ended(KILLED_WITHIN).await.map_err(failed)?;
        Ok(proof.identity.pid)
    }

    /// The pid of the new process, which is ready.
    pub(super) async fn start(&self) -> Result<u32, DrillError> {
        let launch = Launch::of(self.binary.clone(), self.place.start_within());
        match start(&self.place, &launch).await {
            Ok(started) => Ok(started.pid),
            Err(error) => {
                let why = format!("{} IS DOWN and cannot be started: {error}", self.name());
                Err(DrillError::Instance(why))
            }
        }
    }

    /// Whether all is well, its database and its Redis included.
    pub(super) async fn is_healthy(&self) -> bool {
        let health = health(self.site.http, ANSWER_WITHIN).await;
        health.is_ok_and(|health| health.status.as_deref() == Some("healthy"))
    }
}

/// Ends the process that serves it now, if it is the drill's own.
impl Drop for Instance {
    fn drop(&mut self) {
        if self.owner == Owner::Operator {
            return;
        }
        let looks = KILLED_WITHIN.as_millis() / BETWEEN.as_millis();
        for _ in 0..looks {
            match look_now(&self.place.files) {
                Ok(Known::Running(proof)) => drop(proof.signal(Signal::KILL)),
                // It is just taking or leaving its place.
                Ok(Known::Starting | Known::Foreign { .. }) => {}
                Ok(Known::Stopped | Known::Dead { .. }) | Err(_) => return,
            }
            std::thread::sleep(BETWEEN);
        }
    }
}

/// That it runs, and may be signalled.
async fn proof(place: &Place) -> Result<Proof, DrillError> {
    let why = match look(&place.files).await? {
        Known::Running(proof) => return Ok(proof),
        Known::Stopped | Known::Dead { .. } => "does not run: start it first".to_owned(),
        Known::Starting => "is starting: wait until it is ready".to_owned(),
        Known::Foreign { identity, why } => {
            format!("is not ours to touch (pid {}): {why}", identity.pid)
        }
    };
    Err(DrillError::Refused(format!("{} {why}", place.name())))
}
