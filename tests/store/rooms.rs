//! Rooms and users: found without case, shown as they were made.
use discordctl::model::RoomName;

use crate::db::Db;
use crate::log::{append, draft, room};

fn name(raw: &str) -> RoomName {
    RoomName::parse(raw).expect("a good name")
}

pub(crate) async fn a_room_is_made_once_and_found_without_case(db: Db) {
    let (store, other) = (db.open().await, db.open().await);
    let (typed, shouted) = (name("Games.2"), name("GAMES.2"));
    assert_eq!(store.room(&typed).await.expect("an answer"), None);
    let (one, two) = tokio::join!(
        store.create_room(&typed, None),
        other.create_room(&shouted, None)
    );
    let made = [one.expect("an answer"), two.expect("an answer")];
    let made: Vec<_> = made.into_iter().flatten().collect();
    assert_eq!(made.len(), 1, "one of two makes it");
    for raw in ["games.2", "GaMeS.2"] {
        let (found, last) = store
            .room(&name(raw))
            .await
            .expect("an answer")
            .expect("the room");
        assert_eq!((found.id, last), (made[0].id, 0));
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
    assert!(
        store
            .adopt_room(general.id, alice)
            .await
            .expect("an answer")
    );
    assert!(!store.adopt_room(general.id, bob).await.expect("an answer"));
    assert!(!store.adopt_room(9_999, bob).await.expect("an answer"));
    let own = store
        .create_room(&name("own"), Some(bob))
        .await
        .expect("an answer");
    let own = own.expect("a new room");
    assert!(!store.adopt_room(own.id, alice).await.expect("an answer"));
    assert_eq!(
        db.number("SELECT created_by FROM rooms WHERE name = 'own'")
            .await,
        bob
    );
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
    let rooms = store.rooms().await.expect("rooms");
    let listed: Vec<_> = rooms
        .iter()
        .map(|r| (r.name.as_str(), r.last_seq))
        .collect();
    assert_eq!(listed, [("Art", 2), ("books", 2), ("zoo", 2)]);
    assert!(rooms.iter().all(|r| (r.members, r.online) == (0, 0)));
}
