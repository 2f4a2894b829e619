//! A deployment with a folder of configurations, and what a runbook says and does there.
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::support::instance::{Instance, Plan};
use crate::support::postgres::{Postgres, folder};
use crate::support::redis::Server as Redis;
use crate::support::{DEADLINE, Ran, Shell, eventually};

/// Ended in this order when dropped.
pub(crate) struct Site {
    pub(crate) instance: Option<Instance>,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    pub(crate) shell: Shell,
    /// As which user the instances come to the database.
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
        let shell = Shell::within(folder());
        let config = shell.path("config").display().to_string();
        let shell = shell
            .with("DISCORDCTL_CONFIG", &format!("{config}/instance1.json"))
            .with("DISCORDCTL_CONFIG_DIR", &config)
            .with("LONG", "1 second");
        Some(Self {
            instance: None,
            db_url: postgres.url(),
            postgres,
            redis,
            shell,
        })
    }

    /// The same with a schema and a healthy instance.
    pub(crate) async fn start() -> Option<Self> {
        let mut site = Self::bare().await?;
        site.configure((0, 0));
        site.run("migrate up").await.exits(0);
        site.serve().await;
        Some(site)
    }

    pub(crate) fn path(&self) -> &Path {
        self.shell.folder.path()
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
    pub(crate) async fn run(&self, line: &str) -> Ran {
        self.shell.run(line).await
    }

    pub(crate) fn walk(&self, line: &str, variables: &[(&str, &str)]) -> Walk {
        let said = self.path().join("said");
        let mut command = self.shell.command(&format!("runbook run {line} -o json"));
        command
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&said).unwrap());
        Walk {
            child: Command::from(command).kill_on_drop(true).spawn().unwrap(),
            said,
            begun: Instant::now(),
        }
    }

    /// Walks to the end, doing everything.
    pub(crate) async fn mend(&self, runbook: &str, variables: &[(&str, &str)]) -> Walked {
        let line = format!("{runbook} --yes");
        self.walk(&line, variables).end().await
    }

    /// Waits until a command of a runbook made that file.
    pub(crate) async fn file_appears(&self, name: &str) {
        let is_there = async || self.path().join(name).exists();
        eventually(&format!("{name} is made"), is_there).await;
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
