//! A configuration that was read again: what follows it at once, all of it or nothing.
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use super::certificate::Certificate;
use super::inside::client_limits;
use super::lifecycle::Lifecycle;
use super::log;
use super::terms::Terms;
use crate::archive::library::Library;
use crate::chat::Chat;
use crate::config::{Config, Follow};
use crate::process::control::{Refusal, Reloaded};
use crate::server::control::refusal;

/// The configuration that holds, for callers that ask now and then.
pub(super) type Settings = watch::Receiver<Arc<Config>>;

/// What follows it.
pub(super) struct Followers {
    pub(super) config: watch::Sender<Arc<Config>>,
    pub(super) chat: Arc<Chat>,
    pub(super) library: Arc<Library>,
    pub(super) terms: Arc<Terms>,
    pub(super) lifecycle: Lifecycle,
    pub(super) certificate: Option<Arc<Certificate>>,
}

impl Followers {
    /// Has everything follow `read` that can. Nothing in it can fail: what is wrong with a
    /// configuration was found when it was read.
    pub(super) fn follow(&self, read: &Config) -> Reloaded {
        let was = self.config.borrow().clone();
        let Follow {
            config,
            changed,
            waiting,
        } = was.follow(read);
        log::follow_config(&config.log);
        self.chat.set_limits(&client_limits(&config));
        self.chat.set_access(config.access());
        self.library.move_to(&config.archive.url);
        self.terms.set(&was, &config);
        self.lifecycle.drain.spread.set(config.drain.spread.get());
        // The files may be others under the same names.
        let certificate = self.certificate.as_ref();
        let warnings = certificate.and_then(|shown| shown.renew(&config));
        // Health, the jobs, the stop and operators' commands look here.
        self.config.send_replace(Arc::new(config));
        Reloaded {
            changed,
            waiting,
            warnings: warnings.into_iter().collect(),
        }
    }
}

/// An operator's request to read the configuration again.
#[derive(Debug)]
pub struct ReloadRequest(oneshot::Sender<Result<Reloaded, Refusal>>);

impl ReloadRequest {
    /// Says what came of it: what changed, or a stable code and why nothing did.
    pub fn answer(self, outcome: Result<Reloaded, (&'static str, String)>) {
        // The receiver is gone where the operator gave up waiting: the log has the answer.
        let _ = self
            .0
            .send(outcome.map_err(|(code, why)| refusal(code, &why)));
    }
}

/// The way of such requests to the process, which knows where its configuration comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Arc<Mutex<Option<mpsc::Sender<ReloadRequest>>>>);

impl Requests {
    pub(super) fn listen(&self) -> mpsc::Receiver<ReloadRequest> {
        let (requests, asked) = mpsc::channel(1);
        *self.0.lock() = Some(requests);
        asked
    }

    /// # Errors
    /// What the process says of its configuration, or that it reads none any more.
    pub(super) async fn ask(&self) -> Result<Reloaded, Refusal> {
        let requests = self.0.lock().clone();
        let stopping = || refusal("stopping", "this instance is stopping, or has just started");
        let (told, outcome) = oneshot::channel();
        let sent = requests
            .ok_or_else(stopping)?
            .send(ReloadRequest(told))
            .await;
        sent.map_err(|_| stopping())?;
        outcome.await.map_err(|_| stopping())?
    }
}
