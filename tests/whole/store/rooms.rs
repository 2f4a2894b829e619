//! Rooms and users: found without case, shown as they were made.
use discordctl::model::{RoomKey, RoomKind, RoomName, Seq, UserKey};
use discordctl::store::{Page, Viewer};

use crate::store::log::{append, draft, found, room, rooms};
use crate::store::presence::HOUR;
use crate::support::db::Db;

fn name(raw: &str) -> RoomName {
    RoomName::parse(raw).expect("a good name")
}

pub(crate) async fn a_room_is_made_once_and_found_without_case(db: Db) {
    let (store, other) = (db.open().await, db.open().await);
    let (typed, shouted) = (name("Games.2"), name("GAMES.2"));
    assert_eq!(store.room(&typed).await.expect("an answer"), None);
    let (one, two) = tokio::join!(
        store.create_room(&typed, RoomKind::Public, None, None),
        other.create_room(&shouted, RoomKind::Public, None, None)
    );
    let made = [one.expect("an answer"), two.expect("an answer")];
    let made: Vec<_> = made.into_iter().flatten().collect();
    assert_eq!(made.len(), 1, "one of two makes it");
    for raw in ["games.2", "GaMeS.2"] {
        let (found, last) = found(&store, &name(raw)).await;
        assert_eq!((found.key, last), (made[0].key, Seq::START));
        assert_eq!(
            found.name.as_str(),
            made[0].name.as_str(),
            "it keeps its spelling"
        );
    }
}

pub(crate) async fn a_room_without_a_creator_is_adopted_once(db: Db) {
    let store = db.open().await;
    let (alice, bob) = (
        store.user("alice").await.expect("a user"),
        store.user("bob").await.expect("a user"),
    );
    let general = room(&store, "general").await;
    let adopt = async |room, user| store.adopt_room(room, user).await.unwrap();
    assert!(adopt(general.key, alice).await);
    assert!(!adopt(general.key, bob).await);
    assert!(!adopt(RoomKey::new(9_999, 1), bob).await);
    let own = store
        .create_room(&name("own"), RoomKind::Public, Some(bob), None)
        .await
        .unwrap();
    let own = own.expect("a new room");
    assert!(!adopt(own.key, alice).await);
    let creator = "SELECT created_by FROM rooms WHERE name = 'own'";
    assert_eq!(db.number(creator).await, bob.id.get());
}

pub(crate) async fn a_user_is_made_once_and_found_without_case(db: Db) {
    let (store, other) = (db.open().await, db.open().await);
    for n in 0..20 {
        let (lower, upper) = (format!("user-{n}"), format!("USER-{n}"));
        let (one, two) = tokio::join!(store.user(&lower), other.user(&upper));
        assert_eq!(one.expect("a user"), two.expect("a user"));
    }
    assert_eq!(db.number("SELECT count(*) FROM users").await, 20);
}

pub(crate) async fn rooms_are_listed_by_name(db: Db) {
    let store = db.open().await;
    let user = store.user("alice").await.expect("a user");
    for name in ["zoo", "Art", "books"] {
        let room = room(&store, name).await;
        append(&store, &[draft(&room, user, "a"), draft(&room, user, "b")]).await;
    }
    let rooms = rooms(&store).await;
    let listed: Vec<_> = rooms
        .iter()
        .map(|r| (r.name.as_str(), r.last_seq.get()))
        .collect();
    assert_eq!(listed, [("Art", 2), ("books", 2), ("zoo", 2)]);
    assert!(rooms.iter().all(|r| (r.members, r.online) == (0, 0)));
}

pub(crate) async fn lists_come_in_pages(db: Db) {
    let store = db.open().await;
    for n in 0..25 {
        room(&store, &format!("Room-{n:02}")).await;
    }
    room(&store, "lobby").await;
    let page = |filter: &str, after: &str, limit| Page {
        filter: filter.into(),
        after: after.into(),
        limit: Some(limit),
        only: None,
    };
    let names = async |page: Page| {
        let rooms = store.rooms(&page, Viewer::Server).await.expect("rooms");
        let names = rooms.iter().map(|room| room.name.as_str().to_owned());
        names.collect::<Vec<_>>()
    };
    let first = names(page("ROOM", "", 10)).await;
    assert_eq!(
        (first.len(), &*first[0], &*first[9]),
        (10, "Room-00", "Room-09")
    );
    let second = names(page("room", "rOOM-09", 10)).await;
    assert_eq!((second.len(), &*second[0]), (10, "Room-10"));
    assert_eq!(names(page("room", "Room-19", 10)).await.len(), 5);
    assert_eq!(names(page("-2", "", 10)).await.len(), 5);
    assert_eq!(names(page("%", "", 10)).await, [""; 0]);
    assert_eq!(names(page("", "", 100)).await.len(), 26);
    let counts = [
        store.count_rooms("oom-1", Viewer::Server),
        store.count_rooms("", Viewer::Server),
    ];
    let counts = futures_util::future::join_all(counts).await;
    let counts: Vec<u64> = counts
        .into_iter()
        .map(|count| count.expect("a count"))
        .collect();
    assert_eq!(counts, [10, 26]);
}

pub(crate) async fn what_was_never_used_goes(db: Db) {
    let store = db.open().await;
    let user = async |nickname: &str| store.user(nickname).await.expect("a user");
    let (idle, talker) = (user("idle").await, user("talker").await);
    let (creator, young) = (user("creator").await, user("young").await);
    let general = room(&store, "general").await;
    append(&store, &[draft(&general, talker, "hello")]).await;
    for raw in ["empty", "kept"] {
        let made = store
            .create_room(&name(raw), RoomKind::Public, Some(creator), None)
            .await;
        made.expect("an answer").expect("new");
    }
    room(&store, "by-hand").await;
    let (kept, _) = found(&store, &name("kept")).await;
    append(&store, &[draft(&kept, talker, "a word")]).await;
    let (of_today, of_all) = ("2000-01-01T00:00:00.000Z", store.room_counts(creator));
    assert_eq!(of_all.await.expect("counts"), (4, 2));
    let old = format!(
        "UPDATE rooms SET created_at = '{of_today}';
         UPDATE users SET created_at = '{of_today}' WHERE id <> {}",
        young.id
    );
    db.sql(&old).await;
    assert_eq!(store.room_counts(creator).await.expect("counts"), (4, 0));
    store.expire(HOUR).await.expect("swept");
    let left = rooms(&store).await;
    let left: Vec<&str> = left.iter().map(|room| room.name.as_str()).collect();
    assert_eq!(left, ["by-hand", "general", "kept"]);
    let there = async |id: UserKey| {
        let count = format!("SELECT count(*) FROM users WHERE id = {}", id.id);
        db.number(&count).await == 1
    };
    assert!(!there(idle).await, "nothing is theirs");
    assert!(there(talker).await && there(creator).await && there(young).await);
    // Without a room there is nothing that is the creator's.
    db.sql("DELETE FROM messages").await;
    db.sql("DELETE FROM rooms WHERE name = 'kept'").await;
    store.expire(HOUR).await.expect("swept");
    assert!(!there(creator).await && !there(talker).await);
}
