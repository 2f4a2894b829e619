//! The certificate that is shown: read at the start, and anew when its files change. A new one that
//! cannot be used leaves the old one in service.
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::ServeError;
use super::reload::Settings;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Tls};
use crate::tls::{Acceptor, Identity, IdentityError};

/// Between two looks at the files. By the modification's time and not by inotify: that sees nothing on
/// shares, and of a link only the link.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Reads what a configuration names, where it names one.
///
/// # Errors
/// Says what cannot be used, where, why, and what to do.
pub(super) fn read(config: &Config) -> Result<Option<Identity>, IdentityError> {
    match &config.tls {
        Tls {
            cert: Some(cert),
            key: Some(key),
            ..
        } => Identity::read(cert, key, SystemClock.utc()).map(Some),
        _ => Ok(None),
    }
}

pub(super) struct Certificate {
    acceptor: Acceptor,
    state: Mutex<State>,
}

struct State {
    shown: Identity,
    /// Why the files that are there now are not in service.
    trouble: Option<IdentityError>,
    /// The files as they were when they were read, and at the last look.
    read: Option<Stamp>,
    seen: Option<Stamp>,
}

/// What of two files tells that they are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp([(i64, i64, u64, u64); 2]);

impl Stamp {
    fn of(config: &Config) -> Option<Self> {
        let of = |path: &Path| {
            let found = std::fs::metadata(path).ok()?;
            let (seconds, nanos) = (found.mtime(), found.mtime_nsec());
            Some((seconds, nanos, found.ino(), found.len()))
        };
        let Tls { cert, key, .. } = &config.tls;
        Some(Self([of(cert.as_ref()?)?, of(key.as_ref()?)?]))
    }
}

/// How it is with the certificate, as `/health` tells.
pub(super) struct Standing {
    pub(super) ends: DateTime<Utc>,
    pub(super) trouble: Option<String>,
}

impl Certificate {
    /// That of `config`, where it listens for TLS.
    pub(super) fn open(config: &Config) -> Result<Option<Arc<Self>>, ServeError> {
        let stamp = Stamp::of(config);
        let Some(shown) = read(config)? else {
            return Ok(None);
        };
        let acceptor = Acceptor::new(&shown).map_err(|error| ServeError::Tls(error.to_string()))?;
        if let Some(warning) = shown.warning() {
            tracing::warn!("{warning}");
        }
        let state = State {
            shown,
            trouble: None,
            read: stamp,
            seen: stamp,
        };
        Ok(Some(Arc::new(Self {
            acceptor,
            state: Mutex::new(state),
        })))
    }

    pub(super) fn acceptor(&self) -> Acceptor {
        self.acceptor.clone()
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.state.lock();
        Standing {
            ends: state.shown.ends(),
            trouble: state.trouble.as_ref().map(ToString::to_string),
        }
    }

    /// Reads the files now, and shows what they hold; says what is wrong with them, if anything is.
    pub(super) fn renew(&self, config: &Config) -> Option<String> {
        let stamp = Stamp::of(config);
        let outcome = read(config);
        let mut state = self.state.lock();
        state.read = stamp;
        match outcome {
            Ok(None) => None,
            Ok(Some(identity)) => {
                let warning = identity.warning();
                if !identity.is_as(&state.shown) || state.trouble.is_some() {
                    let ends = identity.ends().format("%Y-%m-%d");
                    tracing::info!(%ends, "another certificate is in service");
                }
                self.acceptor.show(&identity);
                state.shown = identity;
                state.trouble = None;
                warning
            }
            Err(error) => {
                // Once for each thing that is wrong, however often it is looked at.
                if state.trouble.as_ref() != Some(&error) {
                    tracing::error!(%error, "the certificate from before stays in service");
                }
                let told = error.to_string();
                state.trouble = Some(error);
                Some(format!(
                    "the certificate from before stays in service: {told}"
                ))
            }
        }
    }

    /// Reads the files again when they are others and no longer change: both are written one after the
    /// other.
    fn look(&self, config: &Config) {
        let stamp = Stamp::of(config);
        let is_due = {
            let mut state = self.state.lock();
            let is_still = state.seen == stamp;
            state.seen = stamp;
            is_still && state.read != stamp
        };
        if is_due {
            self.renew(config);
        }
    }

    /// Looks at the files now and then, until `stop`.
    pub(super) async fn run(self: Arc<Self>, settings: Settings, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => {}
            }
            let (it, config) = (self.clone(), settings.borrow().clone());
            // A share that does not answer holds up this task, and no other.
            let _ = tokio::task::spawn_blocking(move || it.look(&config)).await;
        }
    }
}
