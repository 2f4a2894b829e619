//! Who is online, in which rooms, through which instance; and when a nickname is free.
use std::sync::Arc;
use std::time::Duration;

use discordctl::model::{Nickname, RoomId, SessionId, SessionKey, TransportKind, UserId};
use discordctl::store::{
    Instance, InstanceId, LEASE, PresenceChange, PresenceOutcome, SessionRow, Store,
};

use crate::db::Db;
use crate::log::room;

const HOUR: Duration = Duration::from_secs(3600);

/// An instance with its own store, as a process would have it.
struct Node {
    store: Arc<dyn Store>,
    id: InstanceId,
    name: &'static str,
}

fn instance(name: &str) -> Instance {
    Instance {
        name: name.into(),
        pid: 4_000_000_000,
        version: "1.0.0",
        tcp_port: 65_535,
        http_port: 3001,
    }
}

impl Node {
    async fn start(db: &Db, name: &'static str) -> Self {
        let store = db.open().await;
        let id = store.register(&instance(name)).await.expect("registered");
        Self { store, id, name }
    }

    async fn all(&self, changes: &[PresenceChange]) -> Vec<PresenceOutcome> {
        let outcomes = self.store.presence(self.id, changes).await;
        outcomes.expect("the changes are applied")
    }

    async fn one(&self, change: PresenceChange) -> PresenceOutcome {
        self.all(&[change]).await.remove(0)
    }

    /// Claims as an account over HTTP; the user, or why not.
    async fn claim(&self, session: &SessionKey, name: &str) -> Result<UserId, PresenceOutcome> {
        match self.one(account(session, name)).await {
            PresenceOutcome::User(Some(user)) => Ok(user),
            other => Err(other),
        }
    }

    async fn session(&self, key: &SessionKey) -> Option<SessionRow> {
        self.store.session(key, HOUR).await.expect("an answer")
    }

    async fn names(&self) -> Vec<String> {
        let online = self.store.online().await.expect("an answer");
        online.into_iter().map(|o| o.nickname).collect()
    }
}

fn key() -> SessionKey {
    SessionId::random().key()
}

fn nick(name: &str) -> Nickname {
    Nickname::parse(name).expect("a good nickname")
}

fn account(session: &SessionKey, name: &str) -> PresenceChange {
    PresenceChange::Claim {
        session: session.clone(),
        nickname: nick(name),
        transport: TransportKind::Http,
        account: true,
    }
}

fn guest(session: &SessionKey, name: &str) -> PresenceChange {
    PresenceChange::Claim {
        session: session.clone(),
        nickname: nick(name),
        transport: TransportKind::Tcp,
        account: false,
    }
}

fn join(session: &SessionKey, name: &str, room: RoomId) -> PresenceChange {
    PresenceChange::Join {
        session: session.clone(),
        nickname: nick(name),
        room,
    }
}

fn leave(session: &SessionKey, room: RoomId) -> PresenceChange {
    let session = session.clone();
    PresenceChange::Leave { session, room }
}

fn idle(session: &SessionKey) -> PresenceChange {
    let session = session.clone();
    PresenceChange::Idle { session }
}

fn release(session: &SessionKey, guest: bool) -> PresenceChange {
    let session = session.clone();
    PresenceChange::Release { session, guest }
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
    assert_eq!(
        one.session(&other).await,
        None,
        "who was refused left no trace"
    );
    one.one(release(&alice, false)).await;
    two.claim(&other, "alice").await.expect("free again");
}

pub(crate) async fn a_nickname_is_free_when_its_instance_is_silent(db: Db) {
    let (one, two) = (Node::start(&db, "one").await, Node::start(&db, "two").await);
    let (alice, other) = (key(), key());
    let user = one.claim(&alice, "alice").await.expect("a free nickname");
    db.age("instances", "heartbeat_at", LEASE - Duration::from_secs(5))
        .await;
    assert_eq!(
        two.claim(&other, "alice").await,
        Err(PresenceOutcome::NicknameTaken),
        "within the lease it is not"
    );
    db.age("instances", "heartbeat_at", Duration::from_secs(6))
        .await;
    two.store
        .heartbeat(two.id, &instance("two"))
        .await
        .expect("alive");
    assert!(!one.session(&alice).await.expect("it may come back").online);
    assert_eq!(two.names().await, [""; 0]);
    assert_eq!(two.claim(&other, "Alice").await, Ok(user), "the same user");
    // The silent one was only slow: it lives again, and finds the nickname taken.
    assert!(
        one.store
            .heartbeat(one.id, &instance("one"))
            .await
            .expect("alive")
    );
    assert_eq!(
        one.claim(&alice, "alice").await,
        Err(PresenceOutcome::NicknameTaken)
    );
    let online = one.store.online().await.expect("an answer");
    assert_eq!((online.len(), &*online[0].instance), (1, "two"));
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
    one.one(join(&alice, "alice", general.id)).await;
    db.age("room_members", "joined_at", HOUR).await;
    assert_eq!(
        two.claim(&alice, "Alice").await,
        Ok(user),
        "the holder itself"
    );
    let online = one.store.online().await.expect("an answer");
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

pub(crate) async fn only_its_own_instance_idles_a_session(db: Db) {
    let (one, two) = (Node::start(&db, "one").await, Node::start(&db, "two").await);
    let alice = key();
    one.claim(&alice, "alice").await.expect("a free nickname");
    two.claim(&alice, "alice").await.expect("it moved");
    one.one(idle(&alice)).await;
    assert_eq!(
        two.names().await,
        ["alice"],
        "the old connection's end is no news"
    );
    two.one(idle(&alice)).await;
    assert_eq!(two.names().await, [""; 0]);
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
        join(&alice, "alice", games.id),
        join(&alice, "alice", art.id),
    ])
    .await;
    let after = node.claim(&alice, "Bob").await.expect("a free nickname");
    assert_ne!(before, after);
    let members = format!("SELECT count(*) FROM room_members WHERE user_id = {after}");
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
            join(&visitor, "guest-1", general.id),
        ])
        .await;
    assert_eq!(
        outcomes[0],
        PresenceOutcome::User(None),
        "no user until one is needed"
    );
    assert!(matches!(outcomes[1], PresenceOutcome::User(Some(_))));
    assert_eq!(node.store.rooms().await.expect("rooms")[0].members, 1);
    node.one(release(&visitor, true)).await;
    let rooms = node.store.rooms().await.expect("rooms");
    assert_eq!((rooms[0].members, rooms[0].online), (0, 0));
    assert_eq!(db.number("SELECT count(*) FROM sessions").await, 0);
}

pub(crate) async fn a_user_stays_a_member(db: Db) {
    let node = Node::start(&db, "one").await;
    let general = room(&node.store, "general").await;
    let alice = key();
    node.all(&[account(&alice, "alice"), join(&alice, "alice", general.id)])
        .await;
    node.one(release(&alice, false)).await;
    let rooms = node.store.rooms().await.expect("rooms");
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
        join(&alice, "alice", games.id),
        join(&alice, "alice", art.id),
        leave(&alice, games.id),
        leave(&alice, 9_999),
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
            join(&alice, "alice", 9_999),
            join(&stranger, "stranger", general.id),
            join(&alice, "alice", general.id),
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

pub(crate) async fn members_and_online_are_counted(db: Db) {
    let (one, two) = (Node::start(&db, "one").await, Node::start(&db, "two").await);
    let general = room(&one.store, "general").await;
    room(&one.store, "quiet").await;
    let (alice, bob, carol) = (key(), key(), key());
    for (node, session, name) in [
        (&one, &alice, "alice"),
        (&two, &bob, "bob"),
        (&two, &carol, "carol"),
    ] {
        node.all(&[account(session, name), join(session, name, general.id)])
            .await;
    }
    one.one(idle(&alice)).await;
    let count = async |node: &Node| {
        let rooms = node.store.rooms().await.expect("rooms");
        rooms
            .iter()
            .map(|r| (r.members, r.online))
            .collect::<Vec<_>>()
    };
    assert_eq!(count(&one).await, [(3, 2), (0, 0)]);
    db.age("instances", "heartbeat_at", LEASE + Duration::from_secs(1))
        .await;
    assert_eq!(
        count(&one).await,
        [(3, 0), (0, 0)],
        "the dead are not online"
    );
}

pub(crate) async fn the_online_list_names_rooms_and_instances(db: Db) {
    let (one, two) = (Node::start(&db, "one").await, Node::start(&db, "two").await);
    let (games, art) = (
        room(&one.store, "games").await,
        room(&one.store, "Art").await,
    );
    let (bob, visitor) = (key(), key());
    one.all(&[guest(&visitor, "guest-1")]).await;
    two.all(&[
        account(&bob, "Bob"),
        join(&bob, "Bob", games.id),
        join(&bob, "Bob", art.id),
    ])
    .await;
    let online = two.store.online().await.expect("an answer");
    assert_eq!(online.len(), 2);
    assert_eq!(
        (&*online[0].nickname, &*online[1].nickname),
        ("Bob", "guest-1")
    );
    assert_eq!(online[0].rooms, ["Art", "games"]);
    assert_eq!(online[1].rooms, [""; 0]);
    assert_eq!(
        (&*online[0].transport, &*online[1].transport),
        ("http", "tcp")
    );
    assert_eq!(
        (&*online[0].instance, &*online[1].instance),
        (two.name, one.name)
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
            join(&other, "alice", general.id),
            release(&other, false),
            join(&other, "alice", general.id),
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

pub(crate) async fn a_session_expires_when_it_is_unused(db: Db) {
    let node = Node::start(&db, "one").await;
    let (used, unused, connected) = (key(), key(), key());
    for (session, name) in [
        (&used, "used"),
        (&unused, "unused"),
        (&connected, "connected"),
    ] {
        node.claim(session, name).await.expect("a free nickname");
    }
    node.all(&[idle(&used), idle(&unused)]).await;
    db.age("sessions", "last_used_at", HOUR + Duration::from_secs(1))
        .await;
    node.one(PresenceChange::Touch {
        session: used.clone(),
    })
    .await;
    assert_eq!(node.session(&unused).await, None);
    assert!(node.session(&used).await.is_some());
    node.store.expire(HOUR).await.expect("swept");
    assert_eq!(db.number("SELECT count(*) FROM sessions").await, 2);
    assert_eq!(
        node.names().await,
        ["connected"],
        "who is connected is not swept away"
    );
}

pub(crate) async fn a_terminals_session_is_not_for_others(db: Db) {
    let node = Node::start(&db, "one").await;
    let visitor = key();
    node.one(guest(&visitor, "guest-1")).await;
    assert_eq!(
        node.session(&visitor).await,
        None,
        "nobody holds its secret"
    );
}

pub(crate) async fn a_run_takes_the_place_of_earlier_runs(db: Db) {
    let (one, two) = (Node::start(&db, "one").await, Node::start(&db, "two").await);
    let (alice, bob) = (key(), key());
    one.claim(&alice, "alice").await.expect("a free nickname");
    two.claim(&bob, "bob").await.expect("a free nickname");
    let again = Node::start(&db, "one").await;
    assert_ne!(again.id, one.id);
    assert_eq!(
        again.names().await,
        ["bob"],
        "what the earlier run held is free at once"
    );
    again.claim(&key(), "alice").await.expect("free");
    assert_eq!(db.number("SELECT count(*) FROM instances").await, 2);
}

pub(crate) async fn a_retired_instance_frees_its_nicknames(db: Db) {
    let (one, two) = (Node::start(&db, "one").await, Node::start(&db, "two").await);
    let alice = key();
    one.claim(&alice, "alice").await.expect("a free nickname");
    one.store.retire(one.id).await.expect("retired");
    assert_eq!(two.names().await, [""; 0]);
    assert_eq!(db.number("SELECT count(*) FROM instances").await, 1);
    let row = two
        .session(&alice)
        .await
        .expect("the session may come back");
    assert!(!row.online);
    two.claim(&alice, "alice")
        .await
        .expect("through another instance");
}

pub(crate) async fn a_heartbeat_writes_a_lost_row_anew(db: Db) {
    let node = Node::start(&db, "one").await;
    let alive = async || {
        node.store
            .heartbeat(node.id, &instance("one"))
            .await
            .expect("alive")
    };
    assert!(alive().await);
    let alice = key();
    node.claim(&alice, "alice").await.expect("a free nickname");
    db.sql("DELETE FROM instances").await;
    assert_eq!(node.names().await, [""; 0]);
    assert!(!alive().await, "the row was gone");
    assert!(alive().await, "and is there again");
    node.claim(&alice, "alice").await.expect("claimed again");
    assert_eq!(node.names().await, ["alice"]);
    // Another process does not get the same identity by chance.
    let other = Node::start(&db, "two").await;
    assert_ne!(other.id, node.id);
}
