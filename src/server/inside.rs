//! Everything behind the ports: database, bus, rooms, sessions, and the tasks that keep them.
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::certificate::Certificate;
use super::lifecycle::Lifecycle;
use super::listeners::Listeners;
use super::lost;
use super::reload::Settings;
use super::watch::Watch;
use super::{ServeError, Waits, namesake, vouchers};
use crate::archive::library::Library;
use crate::bus;
use crate::chat::{Base, Chat, Limits, Parts, Presence, Rules};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::delivery::{Committer, Hub, Relay, TailLimits};
use crate::meter::Meters;
use crate::model::{Listener, ListenerKind, Reach};
use crate::search::write::Writer;
use crate::search::{ArchiveSource, Searcher};
use crate::store::{self, Instance, InstanceId, Store, StoreError};

/// Sessions outlast their connections for a while: so many for each place of one.
pub(super) const SESSIONS_A_PLACE: usize = 4;
/// After the drain: what the writers and the store may still take.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub(super) struct Inside {
    pub(super) chat: Arc<Chat>,
    pub(super) presence: Arc<Presence>,
    pub(super) library: Arc<Library>,
    hub: Arc<Hub>,
    store: Arc<dyn Store>,
    meters: Arc<Meters>,
    /// End when nothing needs them any more, with everything accepted done.
    writers: Vec<JoinHandle<()>>,
    relay: JoinHandle<()>,
    stop_relay: CancellationToken,
}

/// How a process comes among the instances.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry {
    /// Alone, in the place of the dead process that had that row.
    After(Option<InstanceId>),
    /// Beside the process in that row, which still serves.
    Beside(InstanceId),
}

impl Inside {
    /// Opens what a configuration names, and enters this process among the instances, beside
    /// its predecessor if that still serves.
    pub(super) async fn open(
        config: &Config,
        listeners: &Listeners,
        entry: Entry,
        waits: &Waits,
    ) -> Result<Self, ServeError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let meters = Arc::new(Meters::default());
        let vouchers = vouchers::open(config, &clock)?;
        let database = |error| ServeError::Database {
            url: config.db_url.to_string(),
            error,
        };
        let store = open_store(config, &meters, waits).await.map_err(database)?;
        let redis = config.redis_url.as_ref().map(|url| url.expose());
        let secret = store.secret(store::BUS_KEY).await.map_err(database)?;
        let key = bus::Key::new(&secret);
        let (bus, events) = bus::open(redis, &config.instance_id, key, meters.clone())?;
        let limits = TailLimits::keeping(config.history.per_room);
        let hub = Hub::new(
            store.clone(),
            store.clone(),
            store.clone(),
            bus.clone(),
            clock.clone(),
            meters.clone(),
            limits,
        );
        let library = Arc::new(Library::new(config.archive.url.clone()));
        let hub = Arc::new(hub.with_archive(library.clone()));
        let base = Base {
            store: store.clone(),
            hub: hub.clone(),
            bus,
            clock: clock.clone(),
            meters: meters.clone(),
            session_ttl: config.session_ttl.get(),
        };
        let searcher = Arc::new(Searcher::new(
            store.clone(),
            clock.clone(),
            meters.clone(),
            config.search.enabled,
        ));
        searcher.look_also(Arc::new(ArchiveSource::new(
            library.clone(),
            store.clone(),
            store.clone(),
            clock.clone(),
        )));
        let predecessor = match entry {
            Entry::Beside(predecessor) => Some(predecessor),
            Entry::After(dead) => {
                namesake::gone(store.as_ref(), config, dead, waits).await?;
                None
            }
        };
        let instance = instance(config, listeners);
        let (presence, changes) = Presence::open(base, instance, predecessor)
            .await
            .map_err(database)?;
        let presence = Arc::new(presence);
        let (committer, commits) = Committer::new(hub.clone());
        let chat = Arc::new(Chat::new(Parts {
            hub: hub.clone(),
            committer,
            presence: presence.clone(),
            rules: rules(config),
            limits: client_limits(config),
            access: config.access(),
            vouchers,
            searcher: searcher.clone(),
        }));
        let stop_relay = CancellationToken::new();
        let relay = Relay::new(hub.clone()).run(events, stop_relay.clone());
        Ok(Self {
            chat,
            presence,
            library,
            hub,
            store,
            meters,
            writers: vec![tokio::spawn(commits), tokio::spawn(changes)],
            relay: tokio::spawn(relay),
            stop_relay,
        })
    }

    pub(super) fn watch(
        &self,
        settings: Settings,
        lifecycle: &Lifecycle,
        certificate: Option<Arc<Certificate>>,
    ) -> Watch {
        let watch = Watch::new(settings, lifecycle, &self.hub, &self.store, &self.presence);
        watch.showing(certificate)
    }

    /// Whether there is an account; it is taken for so where that cannot be found out.
    pub(super) async fn has_accounts(&self) -> bool {
        self.store.has_accounts().await.unwrap_or(true)
    }

    /// Gives signs of life until `stop`.
    pub(super) fn keep_presence(&self, stop: CancellationToken) -> JoinHandle<()> {
        let presence = self.presence.clone();
        tokio::spawn(async move { presence.run(stop).await })
    }

    /// Learns of rights that changed, until `stop`.
    pub(super) fn watch_rights(&self, stop: CancellationToken) -> JoinHandle<()> {
        let chat = self.chat.clone();
        tokio::spawn(async move { chat.watch_rights(stop).await })
    }

    /// Writes how far people have read, until `stop`, and then what is left of it.
    pub(super) fn keep_marks(&self, stop: CancellationToken) -> JoinHandle<()> {
        let chat = self.chat.clone();
        tokio::spawn(async move { chat.keep_marks(stop).await })
    }

    /// Writes the index of words, whenever no other instance does, until `stop`.
    pub(super) fn keep_index(&self, config: &Config, stop: CancellationToken) -> JoinHandle<()> {
        if !config.search.enabled {
            return tokio::spawn(std::future::ready(()));
        }
        let clock = self.presence.clock().clone();
        let writer = Writer::new(self.store.clone(), clock, self.meters.clone());
        tokio::spawn(writer.run(stop))
    }

    /// Saves messages that the database turns out to have lost, until `stop`.
    pub(super) fn save_lost(&self, config: &Config, stop: CancellationToken) -> JoinHandle<()> {
        let (hub, clock) = (self.hub.clone(), self.presence.clock().clone());
        tokio::spawn(lost::save(hub, config.data_dir.clone(), clock, stop))
    }

    /// Takes this process off the books, so that its nicknames are free at once.
    pub(super) async fn retire(&self) {
        if let Err(error) = self.presence.retire().await {
            tracing::warn!(%error, "cannot take this instance off the books");
        }
    }

    /// Lets go of everything, when what was accepted is done.
    pub(super) async fn close(self, helpers: Vec<JoinHandle<()>>) {
        self.stop_relay.cancel();
        drop((self.chat, self.presence));
        let ending = async {
            for task in helpers.into_iter().chain([self.relay]).chain(self.writers) {
                let _ = task.await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, ending).await.is_err() {
            tracing::warn!("the last writes did not end in time");
        }
        // Also then: it leaves an embedded database as one file.
        let closing = self.store.close();
        if tokio::time::timeout(LAST_WORDS, closing).await.is_err() {
            tracing::warn!("the database could not be let go of in time");
        }
    }

    /// The same for what never served.
    pub(super) async fn abandon(self) {
        self.retire().await;
        self.close(Vec::new()).await;
    }
}

fn instance(config: &Config, listeners: &Listeners) -> Instance {
    let port = |kinds: &[ListenerKind]| {
        let first = Listener::first_of(&listeners.all, kinds);
        first.map_or(0, |listener| listener.address.port())
    };
    Instance {
        name: config.instance_id.clone(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION"),
        tcp_port: port(&ListenerKind::OF_LINES),
        http_port: port(&ListenerKind::OF_HTTP),
    }
}

fn rules(config: &Config) -> Rules {
    let site = config.http.public_url.as_deref().unwrap_or_default();
    Rules {
        history: config.history.per_room,
        session_ttl: config.session_ttl.get(),
        site: site.trim_end_matches('/').to_owned(),
    }
}

pub(super) fn client_limits(config: &Config) -> Limits {
    let asked = &config.limits;
    let networks = asked.uncounted.iter().filter_map(|text| text.parse().ok());
    Limits {
        message_chars: asked.message_chars,
        sessions: SESSIONS_A_PLACE * asked.connections,
        rooms: asked.rooms,
        rooms_per_user_per_day: asked.rooms_per_user_per_day,
        messages_per_minute: asked.messages_per_minute,
        burst: asked.burst,
        requests_per_minute: asked.requests_per_minute,
        new_sessions_per_minute: asked.new_sessions_per_minute,
        uncounted: networks.collect(),
        loopback_only: Reach::of(&config.listeners()) == Reach::Loopback,
    }
}

/// Opens the database, waiting for it as long as the configuration says.
async fn open_store(
    config: &Config,
    meters: &Arc<Meters>,
    waits: &Waits,
) -> Result<Arc<dyn Store>, StoreError> {
    let options = store::Options {
        url: config.db_url.expose().to_owned(),
        application: format!("discordctl {}", config.instance_id),
        connections: config.db_pool.max,
        idle_timeout: config.db_pool.idle_timeout.get(),
        acquire_timeout: config.db_pool.acquire_timeout.get(),
        shed_after: config.db_pool.shed_after.get(),
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
                    waits.send_replace(Some(format!("for its database {}: {why}", config.db_url)));
                    told = why;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            other => {
                waits.send_replace(None);
                return other;
            }
        }
    }
}
