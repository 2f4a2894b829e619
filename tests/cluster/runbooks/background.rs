//! An instance that an operator started in the background; killed when the test is over.
use std::time::Duration;

use rustix::process::Pid;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::site::Site;
use crate::support::DEADLINE;
use crate::support::process::free_port;

pub(crate) struct Background<'s> {
    pub(crate) site: &'s Site,
}

impl<'s> Background<'s> {
    /// Migrates and starts it.
    pub(crate) async fn start(site: &'s Site) -> Self {
        site.configure((free_port(), free_port()));
        let background = Self { site };
        for args in [["migrate", "up"].as_slice(), &["start"]] {
            background.does(args, 0).await;
        }
        background
    }

    /// Runs a command that must end so; returns what it printed.
    pub(crate) async fn does(&self, args: &[&str], exit: i32) -> String {
        let ended = self.site.discordctl(args).output().await.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(exit), "{args:?}: {said}");
        String::from_utf8(ended.stdout).unwrap()
    }

    pub(crate) async fn pid(&self) -> Pid {
        self.running().await.expect("it runs")
    }

    /// The process, if it is ready.
    async fn running(&self) -> Option<Pid> {
        let status = self
            .site
            .discordctl(&["status", "-o", "json"])
            .output()
            .await
            .unwrap();
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        let instance = &status["instances"][0];
        let pid = instance["pid"]
            .as_i64()
            .filter(|_| instance["state"] == "running")?;
        Pid::from_raw(pid.try_into().unwrap())
    }

    pub(crate) async fn is_dead(&self) {
        let begun = Instant::now();
        while self.running().await.is_some() {
            assert!(begun.elapsed() < DEADLINE, "it never ends");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until another process than that one is ready.
    pub(crate) async fn is_replaced(&self, before: Pid) {
        let begun = Instant::now();
        while self.running().await.is_none_or(|pid| pid == before) {
            assert!(begun.elapsed() < DEADLINE, "it is never replaced");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        let mut stop = self.site.discordctl(&["stop", "--force", "--yes"]);
        let _ = stop.as_std_mut().status();
    }
}
