//! Instances: what is online through them, and for how long without a sign of life.
use std::time::Duration;

use discordctl::store::{LEASE, PresenceChange, PresenceOutcome};

use crate::store::log::{room, rooms};
use crate::store::presence::{HOUR, Node, account, guest, idle, instance, join, key, online};
use crate::support::db::Db;

pub(crate) async fn a_nickname_is_free_when_its_instance_is_silent(db: Db) {
    let (one, two) = (
        Node::silent(&db, "one").await,
        Node::silent(&db, "two").await,
    );
    let (alice, other) = (key(), key());
    let user = one.claim(&alice, "alice").await.expect("a free nickname");
    // Not sooner than a slow machine gets to the claim.
    db.age("instances", "heartbeat_at", LEASE - Duration::from_secs(9))
        .await;
    assert_eq!(
        two.claim(&other, "alice").await,
        Err(PresenceOutcome::NicknameTaken),
        "within the lease it is not"
    );
    db.age("instances", "heartbeat_at", Duration::from_secs(10))
        .await;
    two.beats().await;
    assert!(!one.session(&alice).await.expect("it may come back").online);
    assert_eq!(two.names().await, [""; 0]);
    assert_eq!(two.claim(&other, "Alice").await, Ok(user), "the same user");
    // The silent one was only slow: it lives again, and finds the nickname taken.
    assert!(one.beats().await);
    let taken = one.claim(&alice, "alice").await;
    assert_eq!(taken, Err(PresenceOutcome::NicknameTaken));
    let online = online(&one.store).await;
    assert_eq!((online.len(), &*online[0].instance), (1, "two"));
}

pub(crate) async fn the_lively_are_told_from_the_silent(db: Db) {
    let (one, two) = (
        Node::silent(&db, "one").await,
        Node::silent(&db, "two").await,
    );
    let minute = Duration::from_secs(60);
    db.age("instances", "heartbeat_at", 2 * minute).await;
    assert!(two.beats().await);
    let within = |limit| one.store.lively(limit);
    assert_eq!(within(minute).await.expect("an answer"), [two.id]);
    let mut both = within(60 * minute).await.expect("an answer");
    both.sort_unstable();
    assert_eq!(both, [one.id, two.id]);
    two.store.retire(two.id).await.expect("retired");
    assert_eq!(within(60 * minute).await.expect("an answer"), [one.id]);
}

pub(crate) async fn what_was_online_through_the_dead_ends_once(db: Db) {
    let (one, two) = (
        Node::silent(&db, "one").await,
        Node::silent(&db, "two").await,
    );
    let (alice, bob) = (key(), key());
    let games = room(&one.store, "games").await;
    one.all(&[account(&bob, "bob"), join(&bob, "bob", games.key)])
        .await;
    two.all(&[account(&alice, "alice"), join(&alice, "alice", games.key)])
        .await;
    let bury = async || one.store.bury().await.expect("an answer");
    assert_eq!(bury().await, []);
    db.age("instances", "heartbeat_at", 2 * LEASE).await;
    assert!(one.beats().await);
    let gone = bury().await;
    let gone: Vec<_> = gone.iter().map(|(r, n)| (r.as_str(), n.as_str())).collect();
    assert_eq!(gone, [("games", "alice")]);
    assert_eq!(bury().await, [], "another is not told of it");
    assert_eq!(one.names().await, ["bob"]);
    // It lives again, and enters whom it has anew.
    assert!(two.beats().await);
    assert!(!two.session(&alice).await.expect("it may come back").online);
    two.claim(&alice, "alice").await.expect("still free");
    assert_eq!(one.names().await, ["alice", "bob"]);
}

pub(crate) async fn sessions_that_are_over_are_told(db: Db) {
    let one = Node::silent(&db, "one").await;
    let (alice, bob) = (key(), key());
    one.claim(&alice, "alice").await.expect("a free nickname");
    let asked = [alice.clone(), bob.clone()];
    assert_eq!(
        one.store.ended(one.id, &asked).await.expect("an answer"),
        [bob]
    );
    let none = one.store.ended(one.id, &[]).await;
    assert_eq!(none.expect("an answer"), []);
    // A database that does not know the instance does not know its sessions.
    db.sql("DELETE FROM sessions").await;
    db.sql("DELETE FROM instances").await;
    let unknown = one.store.ended(one.id, &asked).await;
    assert_eq!(unknown.expect("an answer"), []);
}

pub(crate) async fn only_its_own_instance_idles_a_session(db: Db) {
    let (one, two) = (
        Node::silent(&db, "one").await,
        Node::silent(&db, "two").await,
    );
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

pub(crate) async fn members_and_online_are_counted(db: Db) {
    let (one, two) = (
        Node::silent(&db, "one").await,
        Node::silent(&db, "two").await,
    );
    let general = room(&one.store, "general").await;
    room(&one.store, "quiet").await;
    let (alice, bob, carol) = (key(), key(), key());
    for (node, session, name) in [
        (&one, &alice, "alice"),
        (&two, &bob, "bob"),
        (&two, &carol, "carol"),
    ] {
        node.all(&[account(session, name), join(session, name, general.key)])
            .await;
    }
    one.one(idle(&alice)).await;
    let count = async |node: &Node| {
        let rooms = rooms(&node.store).await;
        let counts = rooms.iter().map(|r| (r.members, r.online));
        counts.collect::<Vec<_>>()
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
    let (one, two) = (
        Node::silent(&db, "one").await,
        Node::silent(&db, "two").await,
    );
    let (games, art) = (
        room(&one.store, "games").await,
        room(&one.store, "Art").await,
    );
    let (bob, visitor) = (key(), key());
    one.all(&[guest(&visitor, "guest-1")]).await;
    two.all(&[
        account(&bob, "Bob"),
        join(&bob, "Bob", games.key),
        join(&bob, "Bob", art.key),
    ])
    .await;
    let online = online(&two.store).await;
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

pub(crate) async fn a_session_expires_when_it_is_unused(db: Db) {
    let node = Node::silent(&db, "one").await;
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
        "the connected are not swept away"
    );
}

pub(crate) async fn a_run_takes_the_place_of_earlier_runs(db: Db) {
    let (one, two) = (
        Node::silent(&db, "one").await,
        Node::silent(&db, "two").await,
    );
    let (alice, bob) = (key(), key());
    one.claim(&alice, "alice").await.expect("a free nickname");
    two.claim(&bob, "bob").await.expect("a free nickname");
    let again = Node::silent(&db, "one").await;
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
    let (one, two) = (
        Node::silent(&db, "one").await,
        Node::silent(&db, "two").await,
    );
    let alice = key();
    one.claim(&alice, "alice").await.expect("a free nickname");
    one.store.retire(one.id).await.expect("retired");
    assert_eq!(two.names().await, [""; 0]);
    assert_eq!(db.number("SELECT count(*) FROM instances").await, 1);
    let row = two.session(&alice).await;
    assert!(!row.expect("the session may come back").online);
    let claimed = two.claim(&alice, "alice").await;
    claimed.expect("through another instance");
}

pub(crate) async fn a_heartbeat_writes_a_lost_row_anew(db: Db) {
    let node = Node::silent(&db, "one").await;
    let alive = async || node.beats().await;
    assert!(alive().await);
    let alice = key();
    node.claim(&alice, "alice").await.expect("a free nickname");
    db.sql("DELETE FROM instances").await;
    assert_eq!(node.names().await, [""; 0]);
    assert!(!alive().await, "the row was gone");
    assert!(alive().await, "and is there again");
    node.claim(&alice, "alice").await.expect("claimed again");
    assert_eq!(node.names().await, ["alice"]);
    // A backup of a running instance holds its row.
    assert!(alive().await);
    db.age("instances", "heartbeat_at", HOUR).await;
    assert!(!alive().await, "the row is not as it was left");
    assert!(alive().await);
    // Another process does not get the same identity by chance.
    let other = Node::silent(&db, "two").await;
    assert_ne!(other.id, node.id);
}

pub(crate) async fn a_successor_inherits_the_online(db: Db) {
    let (first, other) = (
        Node::silent(&db, "one").await,
        Node::silent(&db, "two").await,
    );
    let alice = key();
    first.claim(&alice, "alice").await.expect("a free nickname");
    let beside = first.store.register_beside(&instance("one")).await;
    let beside = beside.expect("entered beside it");
    assert_ne!(beside, first.id);
    assert_eq!(first.names().await, ["alice"], "none went offline");
    let moved = first.store.move_sessions(first.id, beside).await;
    moved.expect("moved");
    let taken = other.claim(&key(), "alice").await;
    assert_eq!(taken, Err(PresenceOutcome::NicknameTaken));
    first.store.retire(first.id).await.expect("retired");
    assert_eq!(other.names().await, ["alice"], "it is the successor's");
    assert_eq!(db.number("SELECT count(*) FROM instances").await, 2);
}
