//! A roll under way: one instance after another, each only when all before it are well.
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::Place;
use super::super::launch::is_ready;
use super::event::{Fault, How, Outcome, What};
use super::keeper::Keeper;
use super::run::{Report, RollError, Row, Tell, Verdict, at};
use super::state::{Member, Progress, State, StateFile};
use super::step::{Order, lock_file};
use super::{canary, preflight, previous};
use crate::process::Lock;

const BETWEEN: Duration = Duration::from_millis(50);

pub(super) struct Roller<'a> {
    places: &'a [Place],
    file: StateFile,
    state: State,
    keeper: &'a Keeper,
    tell: Tell<'a>,
}

impl<'a> Roller<'a> {
    pub(super) fn new(
        places: &'a [Place],
        file: StateFile,
        state: State,
        keeper: &'a Keeper,
        tell: Tell<'a>,
    ) -> Self {
        Self {
            places,
            file,
            state,
            keeper,
            tell,
        }
    }

    pub(super) async fn go_on(mut self, stop: &CancellationToken) -> Result<Report, RollError> {
        for number in 0..self.state.members.len() {
            if self.state.members[number].progress == Progress::Skipped {
                continue;
            }
            let Some(place) = self.place(number) else {
                let gone = Outcome::refused(None, "it is not in the folder any more");
                return self.fail(number, gone);
            };
            self.free(place).await;
            let pid = match self.is_done(number, place).await {
                Some(pid) => pid,
                None if stop.is_cancelled() => {
                    self.save()?;
                    return Ok(self.report(Verdict::Interrupted));
                }
                None => match self.replace(number, place).await? {
                    Outcome::Replaced { pid } => pid,
                    outcome => return self.fail(number, outcome),
                },
            };
            self.state.members[number].outcome = Some(Outcome::Replaced { pid });
            self.mark(number, Progress::Done)?;
            if let Some(time) = self.state.canary {
                if let Err(fault) = self.watch(place, pid, time, stop).await {
                    let outcome = self.take_back(number, place, fault).await;
                    return self.fail(number, outcome);
                }
                if stop.is_cancelled() {
                    return Ok(self.report(Verdict::Interrupted));
                }
                self.state.canary = None;
                self.save()?;
            }
        }
        self.finish(Verdict::Finished)
    }

    pub(super) async fn go_back(mut self) -> Result<Report, RollError> {
        for number in (0..self.state.members.len()).rev() {
            let Some(place) = self.place(number) else {
                continue;
            };
            self.free(place).await;
            let member = &self.state.members[number];
            let was_the_same = member.ran.as_ref() == Some(&self.state.binary);
            if was_the_same || self.is_done(number, place).await.is_none() {
                continue;
            }
            let given_up = Fault::new(How::Refused, "the roll was given up");
            let outcome = self.take_back(number, place, given_up).await;
            let restored = matches!(outcome, Outcome::Restored { .. });
            self.state.members[number].outcome = Some(outcome);
            if !restored {
                self.mark(number, Progress::Failed)?;
                return Ok(self.report(Verdict::Failed));
            }
            self.mark(number, Progress::Waiting)?;
        }
        for member in &mut self.state.members {
            if member.progress != Progress::Skipped {
                member.progress = Progress::Waiting;
            }
        }
        self.finish(Verdict::Aborted)
    }

    fn finish(self, result: Verdict) -> Result<Report, RollError> {
        self.file.remove().map_err(at(self.file.path()))?;
        for place in self.places {
            previous::discard(place);
        }
        Ok(self.report(result))
    }

    async fn replace(&mut self, number: usize, place: &Place) -> Result<Outcome, RollError> {
        if !self.state.allow_downtime && !self.another_serves(place).await {
            let alone = "no other instance is ready, and one must serve";
            return Ok(Outcome::refused(None, alone));
        }
        self.mark(number, Progress::Rolling)?;
        let order = self.order(place, self.state.binary.path.clone());
        Ok(self.keeper.step(&order, self.tell).await)
    }

    fn order(&self, place: &Place, binary: PathBuf) -> Order {
        Order {
            // Preflight lets none through that has no file.
            file: place.file.clone().unwrap_or_default(),
            binary,
            hand_over: self.state.hand_over,
            within: self.within(place),
            soak: self.state.soak,
        }
    }

    fn within(&self, place: &Place) -> Duration {
        self.state.within.unwrap_or_else(|| place.start_within())
    }

    /// Gives an instance that was replaced its old binary back.
    async fn take_back(&mut self, number: usize, place: &Place, fault: Fault) -> Outcome {
        (self.tell)(What::Failed(fault.clone()).to(place.name()));
        let ran = self.state.members[number].ran.as_ref();
        let Some(old) = previous::find(place, ran) else {
            let why = format!("{}\nand the old binary is nowhere any more", fault.why);
            let (pid, fault) = (None, Fault { why, ..fault });
            return Outcome::Kept { pid, fault };
        };
        let binary = old.clone();
        (self.tell)(What::Restoring { binary }.to(place.name()));
        let order = Order {
            soak: Duration::ZERO,
            ..self.order(place, old)
        };
        match self.keeper.step(&order, self.tell).await {
            Outcome::Replaced { pid } => Outcome::Restored { pid, fault },
            other => other,
        }
    }

    async fn watch(
        &mut self,
        place: &Place,
        pid: u32,
        time: Duration,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        let watch_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        (self.tell)(What::Canary { watch_ms }.to(place.name()));
        let others: Vec<&Place> = self.others(place).collect();
        tokio::select! {
            seen = canary::watch(place, pid, &others, time) => seen,
            () = stop.cancelled() => Ok(()),
        }
    }

    /// Waits for a step that an earlier roll left at work.
    async fn free(&self, place: &Place) {
        let start = Instant::now();
        let patience = place.stop_within() + 2 * self.within(place) + self.state.soak;
        while start.elapsed() < patience {
            // The step itself says what is wrong with the file.
            if !matches!(Lock::take(&lock_file(place)), Ok(None)) {
                return;
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// The process of the new binary that serves already, if one does.
    async fn is_done(&self, number: usize, place: &Place) -> Option<u32> {
        let identity = preflight::running(place).await?;
        let (member, pid) = (&self.state.members[number], identity.pid);
        let runs_it =
            member.unit.is_some() || identity.facts.executable.as_ref() == Some(&self.state.binary);
        let is_new = member.pid != Some(pid);
        (runs_it && is_new && is_ready(place, pid).await.is_ok()).then_some(pid)
    }

    /// Waits for it as long as an instance may take to become ready.
    async fn another_serves(&self, place: &Place) -> bool {
        let start = Instant::now();
        loop {
            for other in self.others(place) {
                if preflight::is_healthy(other).await {
                    return true;
                }
            }
            if start.elapsed() >= self.within(place) {
                return false;
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    fn fail(mut self, number: usize, outcome: Outcome) -> Result<Report, RollError> {
        // Where everything runs what it ran before there is nothing to go on with or take back.
        let nothing_done = !self
            .state
            .members
            .iter()
            .any(|m| m.progress == Progress::Done);
        let serves = matches!(outcome, Outcome::Restored { .. } | Outcome::Kept { .. });
        self.state.members[number].outcome = Some(outcome);
        self.mark(number, Progress::Failed)?;
        if nothing_done && serves {
            self.file.remove().map_err(at(self.file.path()))?;
        }
        Ok(self.report(Verdict::Failed))
    }

    fn report(&self, result: Verdict) -> Report {
        let row = |member: &Member| Row {
            instance: member.instance.clone(),
            state: member.progress,
            outcome: member.outcome.clone(),
        };
        Report {
            result,
            to_resume: self.file.path().exists(),
            instances: self.state.members.iter().map(row).collect(),
        }
    }

    fn place(&self, number: usize) -> Option<&'a Place> {
        let name = &self.state.members[number].instance;
        self.places.iter().find(|place| place.name() == name)
    }

    fn others(&self, place: &Place) -> impl Iterator<Item = &'a Place> {
        let name = place.name().to_owned();
        self.places.iter().filter(move |other| other.name() != name)
    }

    fn mark(&mut self, number: usize, progress: Progress) -> Result<(), RollError> {
        self.state.members[number].progress = progress;
        self.save()
    }

    fn save(&self) -> Result<(), RollError> {
        self.file.write(&self.state).map_err(at(self.file.path()))
    }
}
