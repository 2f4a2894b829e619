//! The composition root: opens what a configuration names, listens, and stops in order.
mod certificate;
mod control;
mod entrance;
mod handover;
mod health;
mod inside;
mod jobs;
mod lifecycle;
mod listeners;
pub mod log;
mod lost;
mod metrics;
mod namesake;
mod reload;
mod signals;
mod sizes;
mod terms;
mod tighten;
mod vouchers;
mod watch;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::sync::watch::{Receiver, Sender};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bus::BusError;
use crate::config::Config;
use crate::model::{InstanceId, Listener, ListenerKind};
use crate::process::control::Reloaded;
use crate::process::{Files, Owner};
use crate::tls::IdentityError;
use crate::transport::tcp::Resumed;
use certificate::Certificate;
use control::Control;
use handover::{Estate, Giver, Replaced};
use inside::{Entry, Inside};
use lifecycle::Lifecycle;
use listeners::Listeners;
use reload::{Followers, Requests};
use terms::Terms;

pub use crate::clock::SystemClock;
pub use crate::store::StoreError;
pub use jobs::Program;
pub use lifecycle::{Signals, signalled};
pub use reload::ReloadRequest;
pub use signals::{Order, Orders, disregard_all};

/// Why an instance did not start, or did not stop as it should.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("port {port} is in use{}", owner.as_ref().map(|o| format!(" by {o}")).unwrap_or_default())]
    PortInUse { port: u16, owner: Option<Owner> },
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("{error}")]
    Database { url: String, error: StoreError },
    #[error(
        "{name} lives elsewhere: pid {pid}, on another machine or from another folder, has that \
        'instance_id' and serves"
    )]
    LivesElsewhere { name: String, pid: i64 },
    #[error(transparent)]
    Certificate(#[from] IdentityError),
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("cannot listen on {}: {source}", path.display())]
    Control {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot use the keys in {}: {why}", file.display())]
    Keys { file: PathBuf, why: String },
    #[error("cannot read this machine's certificates: {0}")]
    Certificates(String),
    #[error("{0}")]
    NotHandedOver(String),
    #[error("{0} connections did not end in time and were cut")]
    Cut(usize),
}

/// Reads the certificate and the key that a configuration names, as a start does. Returns what works, and is
/// probably not meant.
///
/// # Errors
/// Says what cannot be used, where, why, and what to do.
pub fn check_certificate(config: &Config) -> Result<Option<String>, IdentityError> {
    Ok(certificate::read(config)?.and_then(|identity| identity.warning()))
}

/// The time by this machine's clock, RFC 3339.
pub fn now() -> String {
    crate::model::format_time(crate::clock::Clock::utc(&SystemClock))
}

/// What a start waits for, in words, while it does.
pub type Waits = tokio::sync::watch::Sender<Option<String>>;

/// What is there when an instance begins to serve.
struct Opened {
    listeners: Listeners,
    inside: Inside,
    certificate: Option<Arc<Certificate>>,
    resumed: Vec<Resumed>,
}

/// A running instance.
pub struct Server {
    pub tcp: SocketAddr,
    pub http: SocketAddr,
    /// All of them, and the first of their kinds above.
    pub listeners: Vec<Listener>,
    inside: Inside,
    listening: JoinHandle<()>,
    /// Stopped last, since draining still needs them.
    helpers: Vec<JoinHandle<()>>,
    stop_helpers: CancellationToken,
    followers: Followers,
    requests: Requests,
    files: Files,
    lock: Arc<Mutex<Option<OwnedFd>>>,
    replaced: Receiver<Option<Replaced>>,
}

impl Server {
    /// Opens everything and listens; returns when clients can connect.
    pub async fn start(config: &Config) -> Result<Self, ServeError> {
        Self::start_saying(config, None, &Waits::new(None)).await
    }

    /// The same in the place of the dead process that had that row in the database, and says in `waits`
    /// what it waits for.
    ///
    /// # Errors
    /// Says why it does not serve.
    pub async fn start_saying(
        config: &Config,
        succeeds: Option<i64>,
        waits: &Waits,
    ) -> Result<Self, ServeError> {
        tighten::close_to_others(config);
        let certificate = Certificate::open(config)?;
        let listeners = Listeners::bind(config).await?;
        let entry = Entry::After(succeeds.map(InstanceId::new));
        let inside = Inside::open(config, &listeners, entry, waits).await?;
        let requests = control::listen(config)?;
        let requests = Some(requests);
        let open = Opened {
            listeners,
            inside,
            certificate,
            resumed: Vec::new(),
        };
        Ok(Self::serve(config, open, requests))
    }

    /// Goes on where the process that serves this instance now leaves off, with its ports, its
    /// lock and its line sessions; `None` where there is no such process.
    pub async fn take_over(config: &Config) -> Result<Option<(Self, OwnedFd)>, ServeError> {
        let certificate = Certificate::open(config)?;
        let Some(mut inheritance) = handover::ask(config).await? else {
            return Ok(None);
        };
        let listeners = inheritance
            .sockets()
            .and_then(Listeners::inherited)
            .map_err(|error| ServeError::NotHandedOver(error.to_string()))?;
        handover::fits(config, &listeners.all)?;
        tighten::close_to_others(config);
        let inside = Inside::open(
            config,
            &listeners,
            Entry::Beside(inheritance.predecessor),
            &Waits::new(None),
        )
        .await?;
        let taking = async {
            let resumed = inheritance
                .receive(&inside.chat, config, &listeners.all)
                .await?;
            inheritance.ready(inside.presence.id()).await?;
            Ok(resumed)
        };
        let resumed = match taking.await {
            Ok(resumed) => resumed,
            Err(error) => {
                inside.abandon().await;
                return Err(error);
            }
        };
        // From here on no other process has them, so nothing may fail.
        let requests = control::listen(config)
            .inspect_err(|error| tracing::error!(%error, "this instance cannot be controlled"));
        let presence = inside.presence.clone();
        let open = Opened {
            listeners,
            inside,
            certificate,
            resumed,
        };
        let server = Self::serve(config, open, requests.ok());
        let lock = inheritance.settle(presence);
        Ok(Some((server, lock)))
    }

    fn serve(config: &Config, open: Opened, requests: Option<UnixListener>) -> Self {
        let Opened {
            listeners,
            inside,
            certificate,
            resumed,
        } = open;
        let of = |kind| listeners.first(kind);
        let (tcp, http) = (of(ListenerKind::Lines), of(ListenerKind::Http));
        let all = listeners.all.clone();
        let lifecycle = Lifecycle::new(&config.drain);
        let settings = Sender::new(Arc::new(config.clone()));
        let watch = Arc::new(inside.watch(settings.subscribe(), &lifecycle, certificate.clone()));
        let sockets = listeners.sockets();
        let chat = inside.chat.clone();
        let library = inside.library.clone();
        let (drain, probes) = (lifecycle.drain.clone(), watch.clone());
        let acceptor = certificate.as_ref().map(|shown| shown.acceptor());
        let terms = Terms::new(config, all.clone(), acceptor, chat.clone(), drain, probes);
        let terms = Arc::new(terms);
        let (listening, doors) =
            listeners.serve(terms.clone(), chat.clone(), lifecycle.clone(), resumed);
        let estate = Estate {
            chat: inside.chat.clone(),
            presence: inside.presence.clone(),
            doors,
            sockets,
        };
        let giver = Arc::new(Giver::new(estate, config));
        let (lock, replaced) = (giver.lock.clone(), giver.replaced.subscribe());
        let requests_to_reload = Requests::default();
        let control = Control {
            chat: inside.chat.clone(),
            lifecycle: lifecycle.clone(),
            giver,
            settings: settings.subscribe(),
            reload: requests_to_reload.clone(),
            files: Files::of(config),
        };
        let stop_helpers = CancellationToken::new();
        let mut helpers = vec![
            inside.keep_presence(stop_helpers.clone()),
            inside.watch_rights(stop_helpers.clone()),
            inside.keep_marks(stop_helpers.clone()),
            inside.keep_index(config, stop_helpers.clone()),
            tokio::spawn(watch.run(stop_helpers.clone())),
            inside.save_lost(config, stop_helpers.clone()),
        ];
        let looking = certificate
            .clone()
            .map(|shown| shown.run(settings.subscribe(), stop_helpers.clone()));
        helpers.extend(looking.map(tokio::spawn));
        let listen = |requests| tokio::spawn(control.run(requests, stop_helpers.clone()));
        helpers.extend(requests.map(listen));
        Self {
            tcp,
            http,
            listeners: all,
            inside,
            listening,
            helpers,
            stop_helpers,
            followers: Followers {
                config: settings,
                chat,
                library,
                terms,
                lifecycle,
                certificate,
            },
            requests: requests_to_reload,
            files: Files::of(config),
            lock,
            replaced,
        }
    }

    /// Whether there is an account, as far as that can be found out.
    pub async fn has_accounts(&self) -> bool {
        self.inside.has_accounts().await
    }

    /// The number of its row among the database's instances.
    pub fn row(&self) -> i64 {
        self.inside.presence.id().get()
    }

    /// Lets a successor have `lock`, and with it everything.
    pub fn can_hand_over(&self, lock: OwnedFd) {
        *self.lock.lock() = Some(lock);
    }

    /// Waits until a successor serves in our place.
    pub async fn replaced(&self) {
        let mut replaced = self.replaced.clone();
        if replaced.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Operators' requests to read the configuration again. Each is answered with what
    /// [`Server::reload`] says, or with why there is no configuration to follow.
    pub fn reload_requests(&self) -> mpsc::Receiver<ReloadRequest> {
        self.requests.listen()
    }

    /// Has everything follow `read` that can without a restart, and names the rest.
    pub fn reload(&self, read: &Config) -> Reloaded {
        self.followers.follow(read)
    }

    /// The configuration that holds now.
    pub fn config(&self) -> Arc<Config> {
        self.followers.config.borrow().clone()
    }

    /// Has `program` run the jobs that are due, from now on until it stops.
    pub fn run_jobs(&mut self, program: Program) {
        let jobs = jobs::Jobs::new(self.followers.config.subscribe(), program);
        let stop = self.stop_helpers.clone();
        self.helpers.push(tokio::spawn(jobs.run(stop)));
    }

    /// Stops as planned: new clients are turned away, each client is told at a moment of its
    /// own, what was accepted is committed and shown, and only then everything is let go.
    pub async fn stop(self) -> Result<(), ServeError> {
        let replaced = *self.replaced.borrow();
        tracing::info!(replaced = replaced.is_some(), "stopping");
        let config = self.config();
        let draining =
            self.followers
                .lifecycle
                .drain(&config.drain, self.listening, replaced.is_some());
        let cut = draining.await;
        if replaced.is_none()
            && let Err(error) = self.files.remove_socket()
        {
            tracing::warn!(%error, "cannot remove the control socket");
        }
        // What a successor has not entered as its own yet must outlast us.
        if replaced.is_none_or(|replaced| replaced.inherited) {
            self.inside.retire().await;
        }
        self.stop_helpers.cancel();
        drop(self.followers);
        self.inside.close(self.helpers).await;
        match cut {
            0 => Ok(()),
            cut => Err(ServeError::Cut(cut)),
        }
    }
}
