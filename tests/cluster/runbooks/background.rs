//! An instance that an operator started in the background; killed when the test is over.
use rustix::process::Pid;

use super::site::Site;
use crate::support::eventually;
use crate::support::process::free_port;

pub(crate) struct Background<'s> {
    pub(crate) site: &'s Site,
}

impl<'s> Background<'s> {
    /// Migrates and starts it.
    pub(crate) async fn start(site: &'s Site) -> Self {
        site.configure((free_port(), free_port()));
        let background = Self { site };
        for line in ["migrate up", "start"] {
            site.run(line).await.exits(0);
        }
        background
    }

    pub(crate) async fn pid(&self) -> Pid {
        self.running().await.expect("it runs")
    }

    /// The process, if it is ready.
    async fn running(&self) -> Option<Pid> {
        let status = self.site.run("status").await.json();
        let instance = &status["instances"][0];
        let pid = instance["pid"]
            .as_i64()
            .filter(|_| instance["state"] == "running")?;
        Pid::from_raw(pid.try_into().unwrap())
    }

    pub(crate) async fn is_dead(&self) {
        eventually("it ends", async || self.running().await.is_none()).await;
    }

    /// Waits until another process than that one is ready.
    pub(crate) async fn is_replaced(&self, before: Pid) {
        let is_so = async || self.running().await.is_some_and(|pid| pid != before);
        eventually("it is replaced", is_so).await;
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        let _ = self.site.shell.command("stop --force --yes").status();
    }
}
