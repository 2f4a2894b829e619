//! An instance's own side: it takes its name, says how it is, and lets go.
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Config;
use crate::model::{Listener, Listeners, format_time};

use super::{Facts, Files, Identity, Lock, State, control};

/// A process that looks holds the lock for a moment: so often, and so far apart, it is tried again.
const TRIES: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(20);

#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error("{instance} is running already{}", pid.map(|pid| format!(", as pid {pid}")).unwrap_or_default())]
    Taken { instance: String, pid: Option<u32> },
    #[error("cannot use {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// An instance's name on this machine, from before it opens anything until it has let go of
/// everything. Dropping it removes the file, and then the lock goes.
#[derive(Debug)]
pub struct Claim {
    files: Files,
    identity: Identity,
    lock: Lock,
    succeeds: Option<i64>,
}

/// What a process knows of how it was started.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub config: Option<PathBuf>,
    pub unit: Option<String>,
}

impl Claim {
    pub async fn take(
        config: &Config,
        origin: Origin,
        clock: &dyn Clock,
    ) -> Result<Self, ClaimError> {
        let files = Files::of(config);
        files.make_folder().map_err(at(&files.run))?;
        for _ in 0..TRIES {
            if let Some(lock) = Lock::take(&files.lock).map_err(at(&files.lock))? {
                // What a dead process left: its lock was free.
                let left = Identity::read(&files.identity).ok().flatten();
                let mut claim = Self::with(lock, config, origin, clock)?;
                claim.succeeds = left.and_then(|left| left.row);
                return Ok(claim);
            }
            tokio::time::sleep(BETWEEN).await;
        }
        let holder = Identity::read(&files.identity).ok().flatten();
        Err(ClaimError::Taken {
            instance: config.instance_id.clone(),
            pid: holder.map(|holder| holder.pid),
        })
    }

    /// With a lock that is held already, as one that was handed over.
    pub fn with(
        lock: Lock,
        config: &Config,
        origin: Origin,
        clock: &dyn Clock,
    ) -> Result<Self, ClaimError> {
        let files = Files::of(config);
        let pid = std::process::id();
        let facts = Facts::of(pid).map_err(at(Path::new("/proc")))?;
        let absolute = |file: PathBuf| std::path::absolute(&file).unwrap_or(file);
        let identity = Identity {
            instance: config.instance_id.clone(),
            pid,
            facts: facts.unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: origin.config.map(absolute),
            folder: std::env::current_dir().ok(),
            settings: Some(config.shown()),
            hides_secrets: config.has_secrets(),
            listeners: Listeners::NONE,
            state: State::Starting,
            waits: None,
            started_at: format_time(clock.utc()),
            unit: origin.unit,
            row: None,
            hand_over: cfg!(target_os = "linux").then_some(control::HAND_OVER),
        };
        identity
            .write(&files.identity)
            .map_err(at(&files.identity))?;
        Ok(Self {
            files,
            identity,
            lock,
            succeeds: None,
        })
    }

    pub fn files(&self) -> &Files {
        &self.files
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The database row of a process of this name that died here: this process takes its place.
    pub fn succeeds(&self) -> Option<i64> {
        self.succeeds
    }

    /// Says that clients can connect, and where, and which its row in the database is.
    pub fn ready(&mut self, listeners: &[Listener], row: i64) -> Result<(), ClaimError> {
        self.identity.row = Some(row);
        self.identity.waits = None;
        self.identity.listeners = Listeners::Open(listeners.to_vec());
        self.say(State::Ready)
    }

    /// Says that it runs with other settings from now on.
    ///
    /// # Errors
    /// Where the record cannot be written; it is written with the next that is said.
    pub fn follow(&mut self, config: &Config) -> Result<(), ClaimError> {
        self.identity.settings = Some(config.shown());
        self.identity.hides_secrets = config.has_secrets();
        self.say(self.identity.state)
    }

    /// Says what it waits for.
    pub fn waits(&mut self, what: Option<String>) -> Result<(), ClaimError> {
        self.identity.waits = what;
        self.say(self.identity.state)
    }

    /// Puts back what was taken away from under a running instance, as a cleaner of old files
    /// does: the lock, or it would be started twice, and the record. What another process put
    /// there is left alone. Returns whether anything was missing.
    pub fn mend(&mut self) -> Result<bool, ClaimError> {
        let files = &self.files;
        let lock_is_there = self.lock.is_at(&files.lock).map_err(at(&files.lock))?;
        if lock_is_there && files.identity.exists() {
            return Ok(false);
        }
        files.make_folder().map_err(at(&files.run))?;
        if !lock_is_there {
            let again = Lock::take(&files.lock).map_err(at(&files.lock))?;
            self.lock = again.ok_or_else(|| ClaimError::Taken {
                instance: self.identity.instance.clone(),
                pid: None,
            })?;
        }
        if !files.identity.exists() {
            self.say(self.identity.state)?;
        }
        Ok(true)
    }

    /// Says how it is from now on, in a folder made anew if that was removed.
    pub fn say(&mut self, state: State) -> Result<(), ClaimError> {
        self.identity.state = state;
        let path = &self.files.identity;
        let written = match self.identity.write(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = self.files.make_folder();
                made.and_then(|()| self.identity.write(path))
            }
            written => written,
        };
        written.map_err(at(path))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The lock tells that it is gone.
        let _ = self.identity.remove(&self.files.identity);
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ClaimError {
    let path = path.to_owned();
    |source| ClaimError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::process::{Known, look};

    fn config(folder: &tempfile::TempDir) -> Config {
        Config {
            data_dir: folder.path().to_owned(),
            ..Config::default()
        }
    }

    #[tokio::test]
    async fn a_name_is_taken_once_and_free_after() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(&folder);
        let take = || Claim::take(&config, Origin::default(), &SystemClock);
        let mut claim = take().await.expect("free");
        claim.ready(&config.listeners(), 1).expect("written");
        let again = take().await.expect_err("taken");
        let pid = std::process::id();
        assert_eq!(
            again.to_string(),
            format!("instance-9001 is running already, as pid {pid}")
        );
        let known = look(&Files::of(&config)).await.expect("readable");
        let Known::Running(proof) = known else {
            panic!("{known:?}");
        };
        assert_eq!(proof.identity, *claim.identity());
        drop(claim);
        let known = look(&Files::of(&config)).await.expect("readable");
        assert!(matches!(known, Known::Stopped), "{known:?}");
        take().await.expect("free again");
    }

    #[tokio::test]
    async fn what_was_taken_away_from_under_it_is_put_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(&folder);
        let claim = Claim::take(&config, Origin::default(), &SystemClock).await;
        let mut claim = claim.expect("free");
        let files = claim.files().clone();
        assert!(!claim.mend().expect("nothing to do"));
        std::fs::remove_dir_all(&files.run).expect("removed");
        assert!(claim.mend().expect("mended"));
        let known = look(&files).await.expect("readable");
        assert!(matches!(known, Known::Running(_)), "{known:?}");
        let again = Claim::take(&config, Origin::default(), &SystemClock).await;
        assert!(matches!(again, Err(ClaimError::Taken { .. })), "{again:?}");
        std::fs::remove_dir_all(&files.run).expect("removed");
        claim
            .ready(&config.listeners(), 1)
            .expect("said in a folder made anew");
        assert!(claim.mend().expect("mended"));
        // Another process came first: its files are left alone.
        std::fs::remove_file(&files.lock).expect("removed");
        let other = Lock::take(&files.lock).expect("openable").expect("free");
        assert!(matches!(claim.mend(), Err(ClaimError::Taken { .. })));
        drop(other);
    }

    #[tokio::test]
    async fn the_file_of_a_successor_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(&folder);
        let claim = Claim::take(&config, Origin::default(), &SystemClock)
            .await
            .expect("free");
        let path = claim.files().identity.clone();
        let successor = Identity {
            pid: 1,
            ..claim.identity().clone()
        };
        successor.write(&path).expect("written");
        drop(claim);
        assert_eq!(Identity::read(&path).expect("readable"), Some(successor));
    }
}
