//! A deployment with a folder of configurations, and what a runbook says and does there.
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::support::DEADLINE;
use crate::support::instance::{Instance, Plan};
use crate::support::postgres::{Postgres, folder};
use crate::support::redis::Server as Redis;

/// Ended in this order when dropped.
pub(crate) struct Site {
    pub(crate) instance: Option<Instance>,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    pub(crate) folder: TempDir,
    /// Who the instances are to the database.
    pub(crate) db_url: String,
}

/// A runbook that is being walked. Ended when dropped.
pub(crate) struct Walk {
    child: Child,
    /// Where it says what it does.
    said: PathBuf,
    begun: Instant,
}

/// How it went.
pub(crate) struct Walked {
    pub(crate) exit: Option<i32>,
    pub(crate) report: Value,
    pub(crate) said: String,
}

impl Walked {
    /// What became of each step.
    pub(crate) fn outcomes(&self) -> Vec<&str> {
        let steps = self.report["steps"].as_array().unwrap();
        steps
            .iter()
            .map(|step| step["outcome"].as_str().unwrap())
            .collect()
    }
}

impl Site {
    /// Servers, and no schema yet; `None` where they are not installed.
    pub(crate) async fn bare() -> Option<Self> {
        let redis = Redis::start()?;
        let postgres = Postgres::start().await?;
        Some(Self {
            instance: None,
            db_url: postgres.url(),
            postgres,
            redis,
            folder: folder(),
        })
    }

    /// The same with a schema and a healthy instance.
    pub(crate) async fn start() -> Option<Self> {
        let mut site = Self::bare().await?;
        site.configure((0, 0));
        let migrated = site.discordctl(&["migrate", "up"]).output().await.unwrap();
        let said = String::from_utf8_lossy(&migrated.stderr);
        assert!(migrated.status.success(), "migrate up: {said}");
        site.serve().await;
        Some(site)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts an instance and writes down where it listens.
    pub(crate) async fn serve(&mut self) {
        let plan = Plan {
            name: "instance-1".into(),
            db_url: self.db_url.clone(),
            redis_url: Some(self.redis.url()),
            env: Vec::new(),
            wrapper: Vec::new(),
            folder: self.path().join("data"),
        };
        std::fs::create_dir_all(&plan.folder).unwrap();
        let instance = Instance::start(plan).await;
        instance.becomes("healthy").await;
        self.configure((instance.at.tcp.port(), instance.at.http.port()));
        self.instance = Some(instance);
    }

    fn config(&self) -> PathBuf {
        self.path().join("config")
    }

    pub(crate) fn configure(&self, (tcp, http): (u16, u16)) {
        std::fs::create_dir_all(self.config()).unwrap();
        let config = serde_json::json!({
            "instance_id": "instance-1", "tcp_port": tcp, "http_port": http,
            "db_url": self.db_url, "redis_url": self.redis.url(),
            "data_dir": self.path().join("data"),
        });
        std::fs::write(self.config().join("instance1.json"), config.to_string()).unwrap();
    }

    /// As an operator of this deployment types it.
    pub(crate) fn discordctl(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_discordctl"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("DISCORDCTL_CONFIG", self.config().join("instance1.json"))
            .env("DISCORDCTL_CONFIG_DIR", self.config())
            .env("LONG", "1 second")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    pub(crate) fn walk(&self, runbook: &str, variables: &[(&str, &str)], more: &[&str]) -> Walk {
        let args = [&["runbook", "run", runbook, "-o", "json"], more].concat();
        let said = self.path().join("said");
        let child = self
            .discordctl(&args)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        Walk {
            child,
            said,
            begun: Instant::now(),
        }
    }

    /// Walks to the end, doing everything.
    pub(crate) async fn mend(&self, runbook: &str, variables: &[(&str, &str)]) -> Walked {
        self.walk(runbook, variables, &["--yes"]).end().await
    }

    /// Waits until a command of a runbook made that file.
    pub(crate) async fn file_appears(&self, name: &str) {
        let begun = Instant::now();
        while !self.path().join(name).exists() {
            assert!(begun.elapsed() < DEADLINE, "nobody makes {name}");
            sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

impl Walk {
    pub(crate) async fn end(self) -> Walked {
        let ended = timeout(DEADLINE * 4, self.child.wait_with_output()).await;
        let said = std::fs::read_to_string(&self.said).unwrap();
        println!("{said}\nthe walk took {:?}", self.begun.elapsed());
        let ended = ended.expect("it ends").unwrap();
        Walked {
            exit: ended.status.code(),
            report: serde_json::from_slice(&ended.stdout).unwrap_or_default(),
            said,
        }
    }
}
