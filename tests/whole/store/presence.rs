//! Sessions: which has a nickname, which is in which room.
use std::sync::Arc;
use std::time::Duration;

use discordctl::model::{Nickname, RoomKey, SessionId, SessionKey, TransportKind, UserKey};
use discordctl::store::{
    Instance, InstanceId, LEASE, Lease, Naming, Online, Page, PresenceChange, PresenceOutcome,
    SessionRow, Store, Viewer,
};

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::store::log::{room, rooms};
use crate::support::db::Db;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// An instance with its own store, as a process would have it.
pub(crate) struct Node {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) id: InstanceId,
    pub(crate) name: &'static str,
    life: Option<JoinHandle<()>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(life) = self.life.take() {
            life.abort();
        }
    }
}

pub(crate) fn instance(name: &str) -> Instance {
    Instance {
        name: name.into(),
        pid: 4_000_000_000,
        version: "1.0.0",
        tcp_port: 65_535,
        http_port: 3001,
    }
}

impl Node {
    /// One that lives, however long its test takes.
    pub(crate) async fn start(db: &Db, name: &'static str) -> Self {
        Self::over(db.open().await, name).await
    }

    /// The same over a store that is open.
    pub(crate) async fn over(store: Arc<dyn Store>, name: &'static str) -> Self {
        let mut node = Self::enter(store, name).await;
        let (store, id) = (node.store.clone(), node.id);
        node.life = Some(tokio::spawn(async move {
            while store.heartbeat(id, &instance(name)).await.is_ok() {
                sleep(LEASE / 10).await;
            }
        }));
        node
    }

    /// One that gives no sign of life by itself: a test says how long it has been silent.
    pub(crate) async fn silent(db: &Db, name: &'static str) -> Self {
        Self::enter(db.open().await, name).await
    }

    async fn enter(store: Arc<dyn Store>, name: &'static str) -> Self {
        let id = store.register(&instance(name)).await.expect("registered");
        let life = None;
        Self {
            store,
            id,
            name,
            life,
        }
    }

    pub(crate) async fn all(&self, changes: &[PresenceChange]) -> Vec<PresenceOutcome> {
        let outcomes = self.store.presence(self.id, changes).await;
        outcomes.expect("the changes are applied")
    }

    pub(crate) async fn one(&self, change: PresenceChange) -> PresenceOutcome {
        self.all(&[change]).await.remove(0)
    }

    /// Claims as an account over HTTP; the user, or why not.
    pub(crate) async fn claim(
        &self,
        session: &SessionKey,
        name: &str,
    ) -> Result<UserKey, PresenceOutcome> {
        match self.one(account(session, name)).await {
            PresenceOutcome::User(Some(user)) => Ok(user),
            other => Err(other),
        }
    }

    /// Gives a sign of life; whether the database knew it.
    pub(crate) async fn beats(&self) -> bool {
        let beat = self.store.heartbeat(self.id, &instance(self.name)).await;
        beat.expect("alive") != Lease::Forgotten
    }

    pub(crate) async fn session(&self, key: &SessionKey) -> Option<SessionRow> {
        self.store.session(key, HOUR).await.expect("an answer")
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        let online = online(&self.store).await;
        online.into_iter().map(|o| o.nickname).collect()
    }
}

pub(crate) async fn online(store: &Arc<dyn Store>) -> Vec<Online> {
    store
        .online(&Page::default(), Viewer::Server)
        .await
        .unwrap()
}

pub(crate) fn key() -> SessionKey {
    SessionId::random().key()
}

fn nick(name: &str) -> Nickname {
    Nickname::parse(name).expect("a good nickname")
}

pub(crate) fn account(session: &SessionKey, name: &str) -> PresenceChange {
    PresenceChange::Claim {
        session: session.clone(),
        nickname: nick(name),
        transport: TransportKind::Http,
        naming: Naming::Chosen,
        account: None,
    }
}

pub(crate) fn guest(session: &SessionKey, name: &str) -> PresenceChange {
    PresenceChange::Claim {
        session: session.clone(),
        nickname: nick(name),
        transport: TransportKind::Tcp,
        naming: Naming::Given,
        account: None,
    }
}

pub(crate) fn join(session: &SessionKey, name: &str, room: RoomKey) -> PresenceChange {
    PresenceChange::Join {
        session: session.clone(),
        nickname: nick(name),
        room,
    }
}

fn leave(session: &SessionKey, room: RoomKey) -> PresenceChange {
    let session = session.clone();
    PresenceChange::Leave { session, room }
}

pub(crate) fn idle(session: &SessionKey) -> PresenceChange {
    let session = session.clone();
    PresenceChange::Idle { session }
}

fn release(session: &SessionKey, naming: Naming) -> PresenceChange {
    let session = session.clone();
    PresenceChange::Release { session, naming }
}

pub(crate) async fn a_nickname_is_taken_while_its_holder_is_online(db: Db) {
    let (one, two) = (Node::start(&db, "one").await, Node::start(&db, "two").await);
    let (alice, other) = (key(), key());
    one.claim(&alice, "Alice").await.expect("a free nickname");
    for name in ["Alice", "aLICE"] {
        for node in [&one, &two] {
            let taken = node.claim(&other, name).await;
            assert_eq!(taken, Err(PresenceOutcome::NicknameTaken));
        }
    }
    assert_eq!(one.session(&other).await, None, "the refused left no trace");
    one.one(release(&alice, Naming::Chosen)).await;
    two.claim(&other, "alice").await.expect("free again");
}

pub(crate) async fn a_nickname_claimed_by_two_at_once_goes_to_one(db: Db) {
    let (one, two) = (Node::start(&db, "one").await, Node::start(&db, "two").await);
    for n in 0..30 {
        let (a, b) = (key(), key());
        let (upper, lower) = (format!("NICK-{n}"), format!("nick-{n}"));
        let (here, there) = tokio::join!(one.claim(&a, &upper), two.claim(&b, &lower));
        assert_eq!(usize::from(here.is_ok()) + usize::from(there.is_ok()), 1);
        let refused = here.and(there).expect_err("one is refused");
        assert_eq!(refused, PresenceOutcome::NicknameTaken);
    }
}

pub(crate) async fn a_session_may_claim_again(db: Db) {
    let (one, two) = (Node::start(&db, "one").await, Node::start(&db, "two").await);
    let general = room(&one.store, "general").await;
    let alice = key();
    let user = one.claim(&alice, "alice").await.expect("a free nickname");
    one.one(join(&alice, "alice", general.key)).await;
    db.age("room_members", "joined_at", HOUR).await;
    assert_eq!(
        two.claim(&alice, "Alice").await,
        Ok(user),
        "the holder itself"
    );
    let online = online(&one.store).await;
    assert_eq!(
        (&*online[0].instance, &*online[0].nickname),
        ("two", "Alice")
    );
    assert_eq!(online[0].rooms, ["general"], "it is still where it was");
    let row = two.session(&alice).await.expect("the session");
    assert_eq!(
        (row.user, row.online, row.rooms),
        (Some(user), true, vec![general])
    );
    let old = "SELECT count(*) FROM room_members m JOIN rooms r ON r.id = m.room_id
               WHERE m.joined_at < r.created_at";
    assert_eq!(db.number(old).await, 1, "and a member since it joined");
}

pub(crate) async fn a_session_that_idles_may_come_back(db: Db) {
    let node = Node::start(&db, "one").await;
    let (alice, other) = (key(), key());
    node.claim(&alice, "alice").await.expect("a free nickname");
    node.one(idle(&alice)).await;
    assert_eq!(node.names().await, [""; 0]);
    assert!(!node.session(&alice).await.expect("the session").online);
    node.claim(&alice, "alice").await.expect("it comes back");
    node.one(idle(&alice)).await;
    node.claim(&other, "alice")
        .await
        .expect("free while it idles");
    assert_eq!(
        node.claim(&alice, "alice").await,
        Err(PresenceOutcome::NicknameTaken)
    );
    node.claim(&alice, "alice2")
        .await
        .expect("under another name");
}

pub(crate) async fn a_rename_takes_the_memberships_along(db: Db) {
    let node = Node::start(&db, "one").await;
    let (games, art) = (
        room(&node.store, "games").await,
        room(&node.store, "art").await,
    );
    let (alice, other) = (key(), key());
    let before = node.claim(&alice, "alice").await.expect("a free nickname");
    node.all(&[
        join(&alice, "alice", games.key),
        join(&alice, "alice", art.key),
    ])
    .await;
    let after = node.claim(&alice, "Bob").await.expect("a free nickname");
    assert_ne!(before, after);
    let members = format!(
        "SELECT count(*) FROM room_members WHERE user_id = {}",
        after.id
    );
    assert_eq!(db.number(&members).await, 2);
    assert_eq!(db.number("SELECT count(*) FROM room_members").await, 2);
    assert_eq!(
        node.claim(&other, "alice").await,
        Ok(before),
        "the old name is free"
    );
}

pub(crate) async fn a_guest_leaves_no_memberships(db: Db) {
    let node = Node::start(&db, "one").await;
    let general = room(&node.store, "general").await;
    let visitor = key();
    let outcomes = node
        .all(&[
            guest(&visitor, "guest-1"),
            join(&visitor, "guest-1", general.key),
        ])
        .await;
    assert_eq!(
        outcomes[0],
        PresenceOutcome::User(None),
        "no user until one is needed"
    );
    assert!(matches!(outcomes[1], PresenceOutcome::User(Some(_))));
    assert_eq!(rooms(&node.store).await[0].members, 1);
    node.one(release(&visitor, Naming::Given)).await;
    let rooms = rooms(&node.store).await;
    assert_eq!((rooms[0].members, rooms[0].online), (0, 0));
    assert_eq!(db.number("SELECT count(*) FROM sessions").await, 0);
}

pub(crate) async fn a_user_stays_a_member(db: Db) {
    let node = Node::start(&db, "one").await;
    let general = room(&node.store, "general").await;
    let alice = key();
    node.all(&[account(&alice, "alice"), join(&alice, "alice", general.key)])
        .await;
    node.one(release(&alice, Naming::Chosen)).await;
    let rooms = rooms(&node.store).await;
    assert_eq!((rooms[0].members, rooms[0].online), (1, 0));
    assert_eq!(node.session(&alice).await, None);
}

pub(crate) async fn to_leave_ends_the_membership(db: Db) {
    let node = Node::start(&db, "one").await;
    let (games, art) = (
        room(&node.store, "games").await,
        room(&node.store, "art").await,
    );
    let alice = key();
    node.all(&[
        account(&alice, "alice"),
        join(&alice, "alice", games.key),
        join(&alice, "alice", art.key),
        leave(&alice, games.key),
        leave(&alice, RoomKey::new(9_999, 1)),
    ])
    .await;
    let row = node.session(&alice).await.expect("the session");
    assert_eq!(row.rooms, [art]);
    assert_eq!(db.number("SELECT count(*) FROM room_members").await, 1);
}

pub(crate) async fn what_does_not_exist_is_not_joined(db: Db) {
    let node = Node::start(&db, "one").await;
    let general = room(&node.store, "general").await;
    let (alice, stranger) = (key(), key());
    let outcomes = node
        .all(&[
            account(&alice, "alice"),
            join(&alice, "alice", RoomKey::new(9_999, 1)),
            join(&stranger, "stranger", general.key),
            join(&alice, "alice", general.key),
        ])
        .await;
    assert_eq!(outcomes[1], PresenceOutcome::NoSuchRoom);
    assert_eq!(outcomes[2], PresenceOutcome::NoSuchSession);
    assert_eq!(outcomes[3], outcomes[0], "and the neighbours are served");
    assert_eq!(
        db.number("SELECT count(*) FROM users").await,
        1,
        "no stranger was made"
    );
}

pub(crate) async fn changes_are_applied_in_order(db: Db) {
    let node = Node::start(&db, "one").await;
    let general = room(&node.store, "general").await;
    let (alice, other) = (key(), key());
    let outcomes = node
        .all(&[
            account(&alice, "alice"),
            account(&other, "alice"),
            account(&alice, "bob"),
            account(&other, "alice"),
            join(&other, "alice", general.key),
            release(&other, Naming::Chosen),
            join(&other, "alice", general.key),
            PresenceChange::Touch {
                session: alice.clone(),
            },
        ])
        .await;
    assert_eq!(outcomes[1], PresenceOutcome::NicknameTaken);
    assert_eq!(outcomes[3], outcomes[0]);
    assert_eq!(outcomes[6], PresenceOutcome::NoSuchSession);
    assert_eq!(outcomes[7], PresenceOutcome::Done);
    assert_eq!(node.names().await, ["bob"]);
    assert!(node.all(&[]).await.is_empty());
}

pub(crate) async fn a_terminals_session_is_not_for_others(db: Db) {
    let node = Node::start(&db, "one").await;
    let visitor = key();
    node.one(guest(&visitor, "guest-1")).await;
    assert_eq!(
        node.session(&visitor).await,
        None,
        "its secret is known to no client"
    );
}

/// It was killed while the clock was ahead.
pub(crate) async fn a_heartbeat_of_a_time_to_come_is_no_sign_of_life(db: Db) {
    use discordctl::store::{history, upkeep};
    let (gone, node) = (
        Node::silent(&db, "gone").await,
        Node::silent(&db, "node").await,
    );
    let general = room(&node.store, "general").await;
    let (old, new) = (key(), key());
    gone.claim(&old, "alice").await.expect("free");
    gone.one(join(&old, "alice", general.key)).await;
    let ahead = Duration::from_secs(3_600);
    db.hasten("instances", "heartbeat_at", ahead).await;
    let mut history = history::open(&db.url, "test").await.expect("opens");
    assert!(!history.served().await.expect("an answer"));
    node.beats().await;
    assert!(history.served().await.expect("an answer"));
    history.close().await;
    assert_eq!(node.names().await, [""; 0]);
    assert_eq!(
        node.store
            .count_online("", Viewer::Server)
            .await
            .expect("an answer"),
        0
    );
    assert_eq!(rooms(&node.store).await[0].online, 0);
    assert!(!node.session(&old).await.expect("the session").online);
    let lively = node.store.lively(LEASE).await.expect("an answer");
    assert_eq!(lively, [node.id]);
    let upkeep = upkeep::open(&db.url, "test").await.expect("opens");
    let living = upkeep.living().await.expect("an answer");
    assert_eq!(living.len(), 1, "{living:?}");
    upkeep.close().await;
    node.claim(&new, "alice").await.expect("its holder is dead");
}
