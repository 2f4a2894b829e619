//! Erasing, step by step.
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::{EraseError, Mode, Report, What, beyond, index};
use crate::archive::{ArchiveError, Destination, Erasures, Ledger, Manifest, digest};
use crate::config::Config;
use crate::model::{RoomId, Seq, Uid};
use crate::ops::archive::{Alone, Session, Watch, remove_left, replace, without};
use crate::ops::fault;
use crate::store::Record;
use crate::store::history::{Erasing, Erasure, History, RoomStand, Scope};

/// The actor in the audit log.
const ACTOR: &str = "operator";

/// Erases what is asked for. Instances that run follow: their readers are told of each message as of every
/// deletion.
///
/// # Errors
/// Fails where there is no such room or person, or the database or the archive cannot be used. What was written
/// down by then is erased by the next run.
pub async fn perform(
    config: &Config,
    (what, why): (&What, Option<&str>),
    mode: Mode,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, EraseError> {
    let settle = async |history: &mut History, ledger: &mut Ledger, archive: &Destination| {
        let (erasure, target) = named(history, ledger, what, why).await?;
        if mode == Mode::Do {
            // First where every later replay and restore looks.
            let one = std::slice::from_ref(&erasure);
            ledger.add(archive, one).await?;
            fault::point("erase:ledger");
            history.note(&erasure, Some(&target.record(why))).await?;
            fault::point("erase:noted");
        }
        Ok(vec![erasure])
    };
    erase(config, (mode, Archive::Too), watch, stop, settle).await
}

/// Erases all that ever was erased once more: what a killed run left, and what came back some other way.
///
/// # Errors
/// Fails where the database or the archive cannot be used.
pub async fn again(
    config: &Config,
    mode: Mode,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, EraseError> {
    repeat(config, (mode, Archive::Too), watch, stop).await
}

/// Erases in a database that was put back what was erased since. Returns how many messages.
///
/// # Errors
/// Fails where the ledger cannot be read, or the database cannot be used.
pub async fn restored(config: &Config) -> Result<u64, EraseError> {
    let destination = Destination::open(&config.archive.url)?;
    if Ledger::load(&destination).await?.erasures().is_empty() {
        return Ok(0);
    }
    let stop = CancellationToken::new();
    let done = repeat(config, (Mode::Do, Archive::LeftAlone), &(), &stop).await?;
    Ok(done.messages)
}

/// Whether documents are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Archive {
    Too,
    LeftAlone,
}

async fn repeat(
    config: &Config,
    (mode, archive): (Mode, Archive),
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Report, EraseError> {
    let settle = async |history: &mut History, ledger: &mut Ledger, archive: &Destination| {
        let stored = history.erasures().await?;
        if mode == Mode::Do {
            ledger.add(archive, &stored).await?;
            for erasure in ledger.erasures() {
                if !stored.contains(erasure) {
                    history.note(erasure, None).await?;
                }
            }
        }
        Ok(ledger.erasures().to_vec())
    };
    erase(config, (mode, archive), watch, stop, settle).await
}

/// Erases what `settle` finds, and has written down.
async fn erase(
    config: &Config,
    (mode, archive): (Mode, Archive),
    watch: &dyn Watch,
    stop: &CancellationToken,
    settle: impl AsyncFnOnce(
        &mut History,
        &mut Ledger,
        &Destination,
    ) -> Result<Vec<Erasure>, EraseError>,
) -> Result<Report, EraseError> {
    let destination = Destination::open(&config.archive.url)?;
    let alone = Alone::Cleanup.unless(mode == Mode::DryRun);
    let session = Session::open(&config.db_url, "discordctl erase", alone).await?;
    let work = async |session: &mut Session, stop: &CancellationToken| {
        let history = &mut session.history;
        let mut ledger = Ledger::load(&destination).await?;
        let erasures = settle(history, &mut ledger, &destination).await?;
        let mut eraser = Eraser {
            url: config.db_url.expose(),
            history,
            destination: &destination,
            mode,
            watch,
            stop,
            report: Report::default(),
        };
        eraser.all(&erasures, archive).await?;
        Ok(eraser.finish(config))
    };
    session.during(stop, work).await
}

/// For the audit log.
struct Target {
    person: Option<String>,
    room: Option<String>,
    part: Option<String>,
}

impl Target {
    fn record<'r>(&'r self, why: Option<&'r str>) -> Record<'r> {
        Record {
            actor: ACTOR,
            action: "erase_words",
            target: self.person.as_deref(),
            room: self.room.as_deref(),
            why,
            detail: self.part.as_deref(),
        }
    }
}

/// The erasure that is asked for: the one that was begun before, or a new one, up to now.
async fn named(
    history: &mut History,
    ledger: &Ledger,
    what: &What,
    why: Option<&str>,
) -> Result<(Erasure, Target), EraseError> {
    let mut erasure = Erasure {
        uid: Uid::random().map_err(EraseError::Random)?,
        room_uid: None,
        seq_from: None,
        seq_to: None,
        user_uid: None,
        name: None,
        at: history.now().await?,
        why: why.map(str::to_owned),
    };
    let mut target = Target {
        person: None,
        room: None,
        part: None,
    };
    match what {
        What::Part { room, from, to } => {
            let stand = history.room(room).await?;
            let stand = stand.ok_or_else(|| EraseError::NoRoom(room.to_string()))?;
            erasure.room_uid = Some(stand.room.key.uid);
            (erasure.seq_from, erasure.seq_to) = (Some(*from), Some(*to));
            erasure.name = Some(stand.room.name.to_string());
            target.room = erasure.name.clone();
            target.part = Some(format!("{from}-{to}"));
        }
        What::Person(name) => {
            let found = history.person(name).await?;
            let (_, uid, nickname) = found.ok_or_else(|| EraseError::NoPerson(name.clone()))?;
            erasure.user_uid = Some(uid);
            erasure.name = Some(digest(erasure.uid, &nickname));
            target.person = Some(nickname);
        }
    }
    let stored = history.erasures().await?;
    let same = |old: &&Erasure| {
        let digest_of = target.person.as_ref().map(|name| digest(old.uid, name));
        old.scope() == erasure.scope() && (digest_of.is_none() || digest_of == old.name)
    };
    let begun = ledger.erasures().iter().chain(&stored).find(same);
    if let Some(begun) = begun {
        (erasure.uid, erasure.name) = (begun.uid, begun.name.clone());
    }
    Ok((erasure, target))
}

struct Eraser<'a> {
    url: &'a str,
    history: &'a mut History,
    destination: &'a Destination,
    mode: Mode,
    watch: &'a dyn Watch,
    stop: &'a CancellationToken,
    report: Report,
}

impl Eraser<'_> {
    async fn all(&mut self, erasures: &[Erasure], archive: Archive) -> Result<(), EraseError> {
        let stands = self.history.rooms().await?;
        for erasure in erasures {
            self.in_database(erasure, &stands).await?;
        }
        fault::point("erase:rows");
        if self.mode == Mode::Do && !self.stop.is_cancelled() {
            index::erase(self.url, self.history, erasures, &stands).await?;
            fault::point("erase:index");
        }
        if archive == Archive::Too {
            self.in_archive(erasures).await?;
        }
        if self.mode == Mode::Do && !erasures.is_empty() && !self.stop.is_cancelled() {
            let cleaned = self.history.clean().await;
            self.report.not_cleaned = cleaned.err().map(|error| error.to_string());
        }
        Ok(())
    }

    async fn in_database(
        &mut self,
        erasure: &Erasure,
        stands: &[RoomStand],
    ) -> Result<(), EraseError> {
        let until = erasure.at;
        match erasure.scope() {
            Some(Scope::Part { room, from, to }) => {
                let of = |stand: &&RoomStand| stand.room.key.uid == room;
                let Some(stand) = stands.iter().find(of) else {
                    return Ok(());
                };
                let room = stand.room.key.id;
                let by = None;
                self.rows(&Erasing {
                    room,
                    from,
                    to,
                    by,
                    until,
                })
                .await
            }
            Some(Scope::Person(uid)) => {
                let Some(user) = self.history.person_of(uid).await? else {
                    return Ok(());
                };
                for stand in stands {
                    let what = Erasing {
                        by: Some(user),
                        ..everything(stand.room.key.id, until)
                    };
                    self.rows(&what).await?;
                }
                if self.mode == Mode::Do {
                    self.report.reactions += self.history.erase_traces(user, until).await?;
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn rows(&mut self, what: &Erasing) -> Result<(), EraseError> {
        if self.mode == Mode::DryRun {
            self.report.messages += self.history.erasable(what).await?;
            return Ok(());
        }
        let mut after = Seq::START;
        while !self.stop.is_cancelled() {
            let erased = self.history.erase(what, after).await?;
            fault::point("erase:batch");
            self.report.messages += erased.messages;
            self.watch.advance(erased.messages);
            match erased.last {
                Some(last) => after = last,
                None => break,
            }
        }
        Ok(())
    }

    async fn in_archive(&mut self, erasures: &[Erasure]) -> Result<(), EraseError> {
        let mut manifest = Manifest::load(self.destination).await?;
        if self.mode == Mode::Do {
            remove_left(self.destination, &manifest).await?;
        }
        let mut erasures = Erasures::of(erasures);
        let touched = manifest
            .entries()
            .iter()
            .filter(|entry| erasures.may_touch(&entry.room, entry.first_seq, entry.last_seq));
        let touched: Vec<_> = touched.cloned().collect();
        self.watch
            .expect(touched.iter().map(|entry| entry.count).sum());
        for entry in touched {
            if self.stop.is_cancelled() {
                break;
            }
            match without(self.destination, &entry, &mut erasures).await {
                Ok(None) => {}
                Ok(Some(rewritten)) => {
                    self.report.documents += 1;
                    self.report.archived += rewritten.lines;
                    if self.mode == Mode::Do {
                        replace(self.destination, &mut manifest, rewritten).await?;
                    }
                }
                // Others are erased all the same.
                Err(ArchiveError::Damaged { path, why }) => {
                    self.report.unread.push(format!("{path}: {why}"));
                }
                Err(error) => return Err(error.into()),
            }
            self.watch.advance(entry.count);
        }
        Ok(())
    }

    fn finish(self, config: &Config) -> Report {
        Report {
            dry_run: self.mode == Mode::DryRun,
            interrupted: self.stop.is_cancelled(),
            beyond: beyond(config.db_url.expose()),
            ..self.report
        }
    }
}

fn everything(room: RoomId, until: DateTime<Utc>) -> Erasing {
    Erasing {
        room,
        from: Seq::FIRST,
        to: Seq::MAX,
        by: None,
        until,
    }
}
