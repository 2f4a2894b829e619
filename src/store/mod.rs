//! The database, which is the log: what is committed here was said, and nothing else was.
mod accounts;
pub mod activity;
mod alive;
mod ask;
mod audit;
mod cause;
pub mod check;
pub mod copy;
mod directs;
mod draft;
pub mod embedded;
pub mod entries;
mod epoch;
mod error;
mod gate;
pub mod history;
mod ids;
mod instances;
mod invites;
mod kept;
mod marks;
mod members;
mod mentions;
pub mod migrations;
mod notices;
mod people;
mod pg_url;
mod place;
mod postgres;
mod presence;
mod reach;
mod read;
mod rights;
mod rooms;
mod rows;
pub mod search;
mod secret;
mod servers;
mod session;
mod sql;
mod sqlite;
mod threads;
mod tokens;
mod unused;
pub mod upkeep;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::alive::alive;
use crate::meter::Meters;
use crate::model::{
    Entry, Epoch, Nickname, Reactions, RoomKey, RoomKind, RoomName, RoomRef, Seq, SessionKey, Uid,
    UserKey,
};

pub use self::accounts::{Account, Accounts, Erasure, Failures, NewAccount, RoomOf, SessionOf};
pub use self::audit::{Audit, Audited, Record};
pub use self::directs::{Direct, Directs, Participant};
pub use self::draft::{Appended, Draft, Giving, Operation};
pub use self::invites::{Invite, Invites, NewInvite};
pub use self::kept::{Archived, Kept};
pub use self::marks::{Mark, Marks, Moved, ReadSoFar, Seer};
pub use self::members::{Imposed, Member, Members, RoomDetails};
pub use self::mentions::{Mentioned, Mentions};
pub use self::place::{Authored, Head, Heads, Known, Part, Span};
pub use self::rights::{
    Changed, Restrained, Restraint, Restriction, Rights, RoomChange, RoomRights, Stands, Stood,
    Workspace, for_good,
};
pub use crate::meter::PoolState;
pub use crate::model::InstanceId;
pub use epoch::Era;
pub use error::{Rejected, StoreError};
pub use notices::{Bulletin, NOTICE_LIFE};
pub use presence::{
    Holder, Instance, Lease, Naming, Online, PresenceChange, PresenceOutcome, SessionRow,
};
pub use reach::Reach;
pub use secret::{BUS_KEY, Secret};
pub use threads::{Interest, Stance, Thread, Threads};
pub use tokens::{MOST_TOKENS, NewToken, TokenOf, Tokens, Which};

/// A nonce is remembered this long.
pub const NONCE_LIFE: Duration = Duration::from_secs(600);
/// A session of an account may be unused for so long, or for longer where all may.
pub const ACCOUNT_SESSION_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// An instance whose heartbeat is older is dead, and its nicknames are free.
pub const LEASE: Duration = Duration::from_secs(10);

/// A room with the numbers that `/rooms` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomSummary {
    pub name: RoomName,
    pub kind: RoomKind,
    pub topic: Option<String>,
    pub members: i64,
    pub online: i64,
    pub last_seq: Seq,
    /// How many messages there were, ever.
    pub last_number: i64,
}

/// The viewer of a list: rooms and people behind walls are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Sees all.
    Server,
    /// A client without an account, which is in the first workspace.
    Stranger,
    Account(UserKey),
}

/// Which part of a list of names: those that hold `filter`, after the name `after`, both without
/// regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub filter: String,
    pub after: String,
    /// `None` is no limit, for a list that is known to be short.
    pub limit: Option<usize>,
    /// Of rooms, these alone.
    pub only: Option<Vec<Uid>>,
}

/// How to open a store. `application` is what the database's own views call this process;
/// while requests wait for a connection longer than `shed_after`, or more of them than
/// `waiting`, new ones are told that the database is busy.
#[derive(Debug, Clone)]
pub struct Options {
    pub url: String,
    pub application: String,
    pub connections: u32,
    pub idle_timeout: Duration,
    pub acquire_timeout: Duration,
    pub shed_after: Duration,
    pub waiting: usize,
}

/// Reading the log back.
#[async_trait]
pub trait Reading: Send + Sync + 'static {
    /// Up to `limit` entries of that part; events do not count where it is said in messages.
    async fn read(
        &self,
        room: &RoomRef,
        part: Part,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// The author of an entry; `None` where the entry is not there.
    async fn authored(&self, room: RoomKey, seq: Seq) -> Result<Option<Authored>, StoreError>;

    /// What is reacted to these messages of a room now; those without reactions are not in it.
    async fn reactions(
        &self,
        room: &RoomRef,
        messages: &[Seq],
    ) -> Result<HashMap<Seq, Reactions>, StoreError>;

    /// Where the newest `limit` messages before that place, or of all, lie: a look at numbers alone.
    async fn span(
        &self,
        room: RoomKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Option<Span>, StoreError>;

    /// What of a room is stored and what is in the archive, with what is to be known of the places from one to
    /// another, both included, and of a thread; `None` if the room is gone.
    async fn kept(
        &self,
        room: RoomKey,
        range: (Seq, Seq),
        thread: Option<Seq>,
    ) -> Result<Option<Kept>, StoreError>;

    /// Those of these rooms of which something is in the archive.
    async fn archived(&self, rooms: &[RoomKey]) -> Result<Vec<Archived>, StoreError>;

    /// Of these nicknames those that are shown with a display name, with that: an archive has none.
    async fn display_names(&self, nicknames: &[&str]) -> Result<Vec<(String, String)>, StoreError>;

    /// All that was erased: documents may have it for a while.
    async fn erasures(&self) -> Result<Vec<history::Erasure>, StoreError>;

    /// Where a room stands; `None` if it is gone.
    async fn head(&self, room: RoomKey) -> Result<Option<Head>, StoreError>;

    /// Of these rooms, those that went on or went back, or with older messages that came or went, and those
    /// that are gone.
    async fn heads(&self, known: &[Known]) -> Result<Heads, StoreError>;
}

/// The log: what is committed, and how it is learned what others commit.
#[async_trait]
pub trait Log: Reading {
    /// Commits `batch` in ONE transaction and answers each draft in its place. In a room, the
    /// order of commits is the order of `seq`: what reads `seq` can read all before it.
    /// Of the drafts for one room, each two go with each other. A draft that cannot be stored fails alone. On `Err` nothing was stored, or the outcome
    /// is unknown (`StoreError::Unknown`) and only a nonce can tell.
    async fn append(&self, batch: &[Draft]) -> Result<Vec<Result<Appended, Rejected>>, StoreError>;

    /// How many commits to different rooms are worth making at once.
    fn lanes(&self) -> usize {
        1
    }

    /// Ready while a commit is in doubt and the database cannot be reached to ask about it: until
    /// then nothing else can be committed. Waits as long as that is not so.
    async fn stalled(&self) {
        std::future::pending().await
    }

    /// PostgreSQL's own count of promotions, as of the newest connection to a server that takes writes.
    fn timeline(&self) -> Option<i64> {
        None
    }

    /// Whether the database went back behind what it had said was committed here in this epoch; said
    /// once.
    async fn went_back(&self) -> Result<bool, StoreError>;

    /// Another epoch holds: what was committed before need not be there.
    fn epoch_began(&self);

    /// Whether another process may have committed since the last time this was asked; cheap.
    async fn changed(&self) -> Result<bool, StoreError>;

    /// How often to ask for what others committed, while the bus carries or does not.
    fn sweep_interval(&self, bus_alive: bool) -> Duration;
}

/// The rooms that there are.
#[async_trait]
pub trait Rooms: Send + Sync + 'static {
    async fn room(&self, name: &RoomName) -> Result<Option<(RoomRef, Seq)>, StoreError>;

    /// Those of these rooms that there are.
    async fn rooms_named(&self, names: &[RoomName]) -> Result<Vec<RoomRef>, StoreError>;

    /// `None` if there is a room of that name, or no workspace that the name says. Where `by` is an account, it owns the room; with a record,
    /// it is in the audit log that the room was made.
    async fn create_room(
        &self,
        name: &RoomName,
        kind: RoomKind,
        by: Option<UserKey>,
        record: Option<&Record<'_>>,
    ) -> Result<Option<RoomRef>, StoreError>;

    /// Deletes a room with all that was said in it; false if it is not there. Nothing else changes: no
    /// new epoch begins, and instances end what is read of it within a second.
    async fn delete_room(&self, room: RoomKey, record: &Record<'_>) -> Result<bool, StoreError>;

    /// Makes `by` the creator of a room that has none; false if it has one.
    async fn adopt_room(&self, room: RoomKey, by: UserKey) -> Result<bool, StoreError>;

    /// A page of the rooms that `viewer` sees, by name.
    async fn rooms(&self, page: &Page, viewer: Viewer) -> Result<Vec<RoomSummary>, StoreError>;

    /// How many rooms have such a name.
    async fn count_rooms(&self, filter: &str, viewer: Viewer) -> Result<u64, StoreError>;

    /// How many rooms there are, and how many of them `by` created in the last 24 hours.
    async fn room_counts(&self, by: UserKey) -> Result<(u64, u64), StoreError>;
}

/// Users and their sessions, as they are looked up.
#[async_trait]
pub trait People: Send + Sync + 'static {
    /// The user of that nickname, made if there is none.
    async fn user(&self, nickname: &str) -> Result<UserKey, StoreError>;

    /// The session with that key, unless it was unused for longer than `life`.
    async fn session(
        &self,
        key: &SessionKey,
        life: Duration,
    ) -> Result<Option<SessionRow>, StoreError>;

    /// Of these sessions of an instance, those that are over: disconnected somewhere, or expired.
    /// None, where the database does not know the instance as living: it does not know them.
    async fn ended(
        &self,
        instance: InstanceId,
        sessions: &[SessionKey],
    ) -> Result<Vec<SessionKey>, StoreError>;

    /// A page of the sessions that are online, over all living instances, by nickname, each with those of
    /// its rooms that `viewer` sees.
    async fn online(&self, page: &Page, viewer: Viewer) -> Result<Vec<Online>, StoreError>;

    /// How many are online under such a nickname.
    async fn count_online(&self, filter: &str, viewer: Viewer) -> Result<u64, StoreError>;
}

/// The processes that serve.
#[async_trait]
pub trait Instances: Send + Sync + 'static {
    /// Enters this process among the instances, in the place of earlier runs of that name.
    async fn register(&self, instance: &Instance) -> Result<InstanceId, StoreError>;

    /// The process that has that name by a heartbeat within its lease, but for the one in the row
    /// `except`.
    async fn holder(
        &self,
        name: &str,
        except: Option<InstanceId>,
    ) -> Result<Option<Holder>, StoreError>;

    /// Enters this process beside an earlier run of its name, which still serves.
    async fn register_beside(&self, instance: &Instance) -> Result<InstanceId, StoreError>;

    /// Sessions that are online through `from` are so through `to` from now on, in one step.
    async fn move_sessions(&self, from: InstanceId, to: InstanceId) -> Result<(), StoreError>;

    /// The instances that gave a sign of life within that time.
    async fn lively(&self, within: Duration) -> Result<Vec<InstanceId>, StoreError>;

    /// Ends what is online through instances that gave no sign of life for a lease. Returns each
    /// nickname with a room that it was in: of several that ask, one is told of it.
    async fn bury(&self) -> Result<Vec<(RoomName, Nickname)>, StoreError>;

    /// Takes `instance` and what was online through it off the books.
    async fn retire(&self, instance: InstanceId) -> Result<(), StoreError>;
}

/// Who is online, as an instance says.
#[async_trait]
pub trait Presence: Send + Sync + 'static {
    /// Says that the instance lives, on a connection of its own: it waits for no other call.
    /// Writes the row anew where it is gone.
    async fn heartbeat(&self, id: InstanceId, instance: &Instance) -> Result<Lease, StoreError>;

    /// Applies presence changes in order, in one transaction, and answers each.
    async fn presence(
        &self,
        instance: InstanceId,
        changes: &[PresenceChange],
    ) -> Result<Vec<PresenceOutcome>, StoreError>;
}

/// Notices on their way to other instances.
#[async_trait]
pub trait Notices: Send + Sync + 'static {
    /// Writes notices for the other instances, and forgets older ones of the same origin.
    async fn tell(&self, bulletin: &Bulletin) -> Result<(), StoreError>;

    /// What others than `origin` told beyond what is known of each, in its order.
    async fn told(&self, origin: i64, known: &[(i64, i64)]) -> Result<Vec<Bulletin>, StoreError>;
}

/// Whether the past is the one that clients know.
#[async_trait]
pub trait Epochs: Send + Sync + 'static {
    /// What holds now.
    async fn era(&self) -> Result<Era, StoreError>;

    /// Begins another epoch in the place of `after`, and says which holds then: that of another
    /// process, where that was quicker.
    async fn begin_epoch(&self, after: &Epoch, reason: &str) -> Result<Era, StoreError>;
}

/// Secrets that instances share.
#[async_trait]
pub trait Secrets: Send + Sync + 'static {
    /// The secret of that name: made at first use, and the same for all instances.
    async fn secret(&self, name: &str) -> Result<Secret, StoreError>;
}

/// The database as a whole: whether it serves, and what is forgotten.
#[async_trait]
pub trait Maintenance: Send + Sync + 'static {
    /// Forgets expired sessions, nonces and instances long dead, and what was never used: users
    /// who said nothing and are nowhere, and rooms in which nothing was ever said.
    async fn expire(&self, session_life: Duration) -> Result<(), StoreError>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Whether a request would get a connection now. `ping` has one of its own, and goes on
    /// when all others are taken.
    async fn serves(&self) -> Result<(), StoreError> {
        self.ping().await
    }

    fn pool(&self) -> PoolState;

    /// Lets go of the database; what was committed stays.
    async fn close(&self);
}

/// All that an instance asks of its database; each part of it asks for what it needs.
/// Every call is bounded in time by the options it was opened with, and may be dropped half way:
/// then it either happened whole or not at all.
pub trait Store:
    Log
    + Rooms
    + People
    + Accounts
    + Rights
    + Reach
    + Members
    + Directs
    + Marks
    + Mentions
    + Threads
    + Invites
    + Tokens
    + Audit
    + Instances
    + Presence
    + Notices
    + Epochs
    + Secrets
    + search::Indexed
    + Maintenance
{
}

impl<S> Store for S where
    S: Log
        + Rooms
        + People
        + Accounts
        + Rights
        + Reach
        + Members
        + Directs
        + Marks
        + Mentions
        + Threads
        + Invites
        + Tokens
        + Audit
        + Instances
        + Presence
        + Notices
        + Epochs
        + Secrets
        + search::Indexed
        + Maintenance
{
}

impl Options {
    /// For an operator's command, which has time.
    pub fn of_command(url: &str, command: &str) -> Self {
        const PATIENCE: Duration = Duration::from_secs(30);
        Self {
            url: url.to_owned(),
            application: format!("discordctl {command}, pid {}", std::process::id()),
            connections: 2,
            idle_timeout: PATIENCE,
            acquire_timeout: PATIENCE,
            shed_after: PATIENCE,
            waiting: 100,
        }
    }

    fn shedding(&self) -> gate::Shedding {
        gate::Shedding {
            after: self.shed_after,
            waiting: self.waiting,
            patience: self.acquire_timeout,
        }
    }
}

/// Opens the database that `options.url` names. The embedded one is made and migrated; on
/// PostgreSQL a schema that does not fit is an error.
pub async fn open(options: &Options, meters: Arc<Meters>) -> Result<Arc<dyn Store>, StoreError> {
    if options.url.starts_with("sqlite:") {
        return Ok(Arc::new(sqlite::SqliteStore::open(options, meters).await?));
    }
    if options.url.starts_with("postgresql:") || options.url.starts_with("postgres:") {
        let store = postgres::PostgresStore::open(options, meters).await?;
        return Ok(Arc::new(store));
    }
    Err(StoreError::Unsupported(
        "db_url must begin with sqlite: or postgresql:".into(),
    ))
}
