//! The faults: each is caused, lasts, and is over.
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backing::Backing;
use super::error::DrillError;
use super::journal::{Journal, Micros};
use super::reader::Reader;
use super::server::Program;
use super::stage::Stage;
use super::{Fault, Plan};
use crate::clock::SystemClock;
use crate::ops::instances::Place;
use crate::ops::instances::roll::{self, Event, Verdict, What};

/// How long each instance must stay well in a rolling restart.
const SOAK: Duration = Duration::from_millis(500);
/// A reader that goes on has caught up by then, or does not.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(10);

/// What a fault works on.
pub(super) struct Scene<'s> {
    pub(super) plan: &'s Plan,
    pub(super) stage: &'s mut Stage,
    /// The one that stops reading, and one beside it that does not.
    pub(super) slow: Option<(&'s Reader, &'s Reader)>,
    pub(super) journal: &'s Journal,
    pub(super) stop: &'s CancellationToken,
}

/// From when it was mended until all was well.
pub(super) struct Recovery {
    pub(super) caused: Micros,
    pub(super) mended: Micros,
    pub(super) well: Micros,
}

impl Scene<'_> {
    /// Causes it, mends it, and waits until all is well again.
    pub(super) async fn play(&mut self) -> Result<Recovery, DrillError> {
        let caused = self.journal.now();
        let mended = match self.plan.fault {
            Fault::RedisOutage => self.outage(|stage| &mut stage.redis, "killed").await?,
            Fault::DatabaseRestart => self.outage(|stage| &mut stage.postgres, "stopped").await?,
            Fault::KillInstance => self.kill_instance().await?,
            Fault::RollingRestart => self.rolling_restart().await?,
            Fault::SlowReader => self.slow_reader().await?,
            Fault::Failover => self.failover().await?,
        };
        if self.plan.may_lose() {
            self.acknowledge().await?;
        }
        self.stage.healthy(self.stop).await?;
        Ok(Recovery {
            caused,
            mended,
            well: self.journal.note("all is well again"),
        })
    }

    async fn outage<P: Program>(
        &mut self,
        server: fn(&mut Stage) -> &mut Backing<P>,
        how: &str,
    ) -> Result<Micros, DrillError> {
        let stopped = server(self.stage).stop().await;
        if stopped.is_ok() {
            self.journal.note(format!("{} {how}", P::NAME));
            self.wait().await;
        }
        // Whatever became of stopping it.
        let mended = self.journal.note(format!("{} is started again", P::NAME));
        server(self.stage).start().await?;
        stopped.map(|()| mended)
    }

    async fn kill_instance(&self) -> Result<Micros, DrillError> {
        let instance = &self.stage.instances[0];
        let name = instance.name();
        let pid = instance.kill().await?;
        self.journal.note(format!("{name} killed, pid {pid}"));
        self.wait().await;
        let mended = self.journal.note(format!("{name} is started again"));
        let pid = instance.start().await?;
        self.journal.note(format!("{name} is ready, pid {pid}"));
        Ok(mended)
    }

    async fn rolling_restart(&mut self) -> Result<Micros, DrillError> {
        self.journal.note("a rolling restart begins");
        let instances = self.stage.instances.iter();
        let places: Vec<Place> = instances.map(|instance| instance.place.clone()).collect();
        let plan = roll::Plan {
            binary: self.stage.instances[0].binary.clone(),
            binary_named: false,
            chosen: Vec::new(),
            start_stopped: false,
            hand_over: true,
            allow_downtime: false,
            within: None,
            soak: SOAK,
            canary: None,
        };
        let journal = self.journal;
        let mut tell = |event: Event| {
            if let (What::Ready { pid, .. }, Some(instance)) = (event.what, event.instance) {
                journal.note(format!("{instance} was replaced, pid {pid}"));
            }
        };
        let keeper = &self.plan.keeper;
        let rolled = roll::roll(&places, &plan, keeper, &SystemClock, self.stop, &mut tell);
        match rolled.await?.result {
            Verdict::Finished => Ok(self.journal.note("the rolling restart is done")),
            Verdict::Interrupted => Err(DrillError::Stopped),
            other => Err(DrillError::Instance(format!(
                "the rolling restart ended as {other:?}"
            ))),
        }
    }

    async fn slow_reader(&mut self) -> Result<Micros, DrillError> {
        let Some((slow, beside)) = self.slow else {
            return Err(DrillError::Instance("no reader is there to be slow".into()));
        };
        slow.pause(true);
        self.journal.note(format!("{} stops reading", slow.name));
        self.wait().await;
        let behind = beside.look(|notes| notes.seen.len()) - slow.look(|notes| notes.seen.len());
        slow.pause(false);
        let name = &slow.name;
        let told = format!("{name} goes on, {behind} messages behind {}", beside.name);
        let mended = self.journal.note(told);
        let deadline = Instant::now() + CAUGHT_UP_WITHIN;
        while slow.look(|notes| notes.seen.len()) < beside.look(|notes| notes.seen.len())
            && Instant::now() < deadline
            && !self.stop.is_cancelled()
        {
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(mended)
    }

    async fn wait(&self) {
        self.wait_for(self.plan.recovery_wait).await;
    }

    pub(super) async fn wait_for(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.stop.cancelled() => {}
        }
    }
}
