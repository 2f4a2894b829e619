//! The composition root: opens what a configuration names, listens, and stops in order.
mod control;
mod health;
mod jobs;
mod lifecycle;
mod listeners;
pub mod log;
mod metrics;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bus::{self, BusError};
use crate::chat::{Base, Chat, Parts, Presence, Rules};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::{Committer, Hub, Relay, TailLimits};
use crate::meter::Meters;
use crate::process::Owner;
use crate::process::control::Place;
use crate::store::{self, Instance, Store};
use crate::transport::http::HttpLimits;
use crate::transport::tcp::TcpLimits;
use control::Control;
use lifecycle::Lifecycle;
use listeners::Listeners;
use watch::Watch;

pub use crate::clock::SystemClock;
pub use crate::store::StoreError;
pub use jobs::Program;
pub use lifecycle::{Signals, signalled};

/// Why an instance did not start, or did not stop as it should.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("port {port} is in use{}", owner.as_ref().map(|o| format!(" by {o}")).unwrap_or_default())]
    PortInUse { port: u16, owner: Option<Owner> },
    #[error("can't listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("{error}")]
    Database { url: String, error: StoreError },
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("can't listen on {}: {source}", path.display())]
    Control {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0} connections did not end in time and were cut")]
    Cut(usize),
}

/// A running instance.
pub struct Server {
    pub tcp: SocketAddr,
    pub http: SocketAddr,
    lifecycle: Lifecycle,
    chat: Arc<Chat>,
    presence: Arc<Presence>,
    store: Arc<dyn Store>,
    listening: JoinHandle<()>,
    /// End when nobody needs them any more, with everything accepted done.
    writers: Vec<JoinHandle<()>>,
    /// Stopped last, since draining still needs them.
    helpers: Vec<JoinHandle<()>>,
    stop_helpers: CancellationToken,
    drain: crate::config::Drain,
    control: Place,
}

/// After the drain: what the writers and the store may still take.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl Server {
    /// Opens everything and listens; returns when clients can connect.
    pub async fn start(config: &Config) -> Result<Self, ServeError> {
        let listeners = Listeners::bind(config).await?;
        let (tcp, http) = (listeners.tcp, listeners.http);
        let (place, requests) = control::listen(config)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let meters = Arc::new(Meters::default());
        let database = |error| ServeError::Database {
            url: config.db_url.to_string(),
            error,
        };
        let store = open_store(config, &meters).await.map_err(database)?;
        let redis = config.redis_url.as_ref().map(|url| url.expose());
        let (bus, events) = bus::open(redis, &config.instance_id, meters.clone())?;
        let limits = TailLimits::keeping(config.history.per_room);
        let hub = Arc::new(Hub::new(
            store.clone(),
            bus.clone(),
            clock.clone(),
            meters.clone(),
            limits,
        ));
        let base = Base {
            store: store.clone(),
            hub: hub.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            meters: meters.clone(),
            session_ttl: config.session_ttl.get(),
        };
        let instance = instance(config, tcp.port(), http.port());
        let (presence, changes) = Presence::open(base, instance).await.map_err(database)?;
        let presence = Arc::new(presence);
        let (committer, commits) = Committer::new(hub.clone());
        let chat = Arc::new(Chat::new(Parts {
            hub: hub.clone(),
            committer,
            presence: presence.clone(),
            rules: rules(config),
        }));
        let lifecycle = Lifecycle::new(&config.drain);
        let watch = Arc::new(Watch::new(config, &lifecycle, &hub, &store, &clock));
        let stop_helpers = CancellationToken::new();
        let control = Control {
            chat: chat.clone(),
            lifecycle: lifecycle.clone(),
        };
        let helpers = vec![
            tokio::spawn(control.run(requests, stop_helpers.clone())),
            tokio::spawn(Relay::new(hub).run(events, stop_helpers.clone())),
            tokio::spawn({
                let (presence, stop) = (presence.clone(), stop_helpers.clone());
                async move { presence.run(stop).await }
            }),
            tokio::spawn(watch.clone().run(stop_helpers.clone())),
        ];
        let listening = listeners.serve(config, chat.clone(), lifecycle.clone(), watch);
        Ok(Self {
            tcp,
            http,
            lifecycle,
            chat,
            presence,
            store,
            listening,
            writers: vec![tokio::spawn(commits), tokio::spawn(changes)],
            helpers,
            stop_helpers,
            drain: config.drain.clone(),
            control: place,
        })
    }

    /// Has `program` run the jobs that are due, from now on until it stops.
    pub fn run_jobs(&mut self, config: &Config, program: Program) {
        let jobs = jobs::Jobs::new(config, program);
        let stop = self.stop_helpers.clone();
        self.helpers.push(tokio::spawn(jobs.run(stop)));
    }

    /// Stops as planned: new clients are turned away, each client is told at a moment of its
    /// own, what was accepted is committed and shown, and only then everything is let go.
    pub async fn stop(self) -> Result<(), ServeError> {
        tracing::info!("stopping");
        let cut = self.lifecycle.drain(&self.drain, self.listening).await;
        if let Err(error) = self.presence.retire().await {
            tracing::warn!(%error, "can't take this instance off the books");
        }
        if let Err(error) = self.control.remove() {
            tracing::warn!(%error, "can't remove the control socket");
        }
        self.stop_helpers.cancel();
        drop((self.chat, self.presence));
        let ending = async {
            for task in self.helpers.into_iter().chain(self.writers) {
                let _ = task.await;
            }
            self.store.close().await;
        };
        if tokio::time::timeout(LAST_WORDS, ending).await.is_err() {
            tracing::warn!("the last writes did not end in time");
        }
        match cut {
            0 => Ok(()),
            cut => Err(ServeError::Cut(cut)),
        }
    }
}

fn instance(config: &Config, tcp_port: u16, http_port: u16) -> Instance {
    Instance {
        name: config.instance_id.clone(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION"),
        tcp_port,
        http_port,
    }
}

fn rules(config: &Config) -> Rules {
    Rules {
        message_chars: config.limits.message_chars,
        messages_per_minute: config.limits.messages_per_minute,
        burst: config.limits.burst,
        history: config.history.per_room,
        session_ttl: config.session_ttl.get(),
    }
}

fn tcp_limits(config: &Config) -> TcpLimits {
    TcpLimits {
        line_bytes: config.limits.line_bytes.as_usize(),
        write_timeout: config.limits.write_timeout.get(),
    }
}

fn http_limits(config: &Config) -> HttpLimits {
    HttpLimits {
        body_bytes: config.limits.body_bytes.as_usize(),
        write_timeout: config.limits.write_timeout.get(),
    }
}

/// Opens the database, waiting for it as long as the configuration says.
async fn open_store(config: &Config, meters: &Arc<Meters>) -> Result<Arc<dyn Store>, StoreError> {
    let options = store::Options {
        url: config.db_url.expose().to_owned(),
        application: format!("discordctl {}", config.instance_id),
        connections: config.db_pool.max,
        idle_timeout: config.db_pool.idle_timeout.get(),
        acquire_timeout: config.db_pool.acquire_timeout.get(),
        waiting: config.db_pool.max_waiting,
    };
    let patience = tokio::time::Instant::now() + config.db_wait.get();
    let mut pause = Duration::from_millis(50);
    let mut told = String::new();
    loop {
        match store::open(&options, meters.clone()).await {
            Err(StoreError::Unavailable(why)) if tokio::time::Instant::now() + pause < patience => {
                if why != told {
                    tracing::info!(%why, "waiting for the database");
                    told = why;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            other => return other,
        }
    }
}
