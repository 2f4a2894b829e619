//! A database that went back: ids are given again, and commits are gone.
use discordctl::model::{RoomKind, RoomName};
use discordctl::store::Rejected;

use super::log::{append, contents, draft, found, known, room};
use crate::support::db::{Db, Kind};

/// As a database leaves it that went back, and gave the ids of what it lost to others.
pub(crate) async fn an_id_that_was_given_again_is_another_rows(db: Db) {
    let store = db.open().await;
    let (alice, bob) = (
        store.user("alice").await.unwrap(),
        store.user("bob").await.unwrap(),
    );
    let (general, lost) = (room(&store, "general").await, room(&store, "lost").await);
    append(&store, &[draft(&lost, bob, "of a past that is over")]).await;
    let (room_id, user_id) = (lost.key.id, bob.id);
    db.sql(&format!("DELETE FROM rooms WHERE id = {room_id}"))
        .await;
    db.sql(&format!("DELETE FROM users WHERE id = {user_id}"))
        .await;
    db.sql(&format!(
        "INSERT INTO users (id, nickname) VALUES ({user_id}, 'mallory')"
    ))
    .await;
    db.sql(&format!(
        "INSERT INTO rooms (id, name) VALUES ({room_id}, 'private')"
    ))
    .await;
    let (private, _) = found(&store, &RoomName::parse("private").unwrap()).await;
    let mallory = store.user("mallory").await.unwrap();
    assert_eq!((private.key.id, mallory.id), (room_id, user_id));

    let batch = [
        draft(&general, alice, "a"),
        draft(&lost, alice, "for a room that is gone"),
        draft(&private, mallory, "b"),
        draft(&general, bob, "by a user that is gone"),
        draft(&lost, bob, "both"),
        draft(&private, alice, "c"),
    ];
    let answers = store.append(&batch).await.expect("the batch is committed");
    let refused: Vec<Option<Rejected>> = answers.into_iter().map(Result::err).collect();
    let (no_room, no_user) = (Some(Rejected::NoSuchRoom), Some(Rejected::NoSuchUser));
    assert_eq!(refused[..4], [None, no_room, None, no_user]);
    assert!(refused[4].is_some() && refused[5].is_none());
    assert_eq!(contents(&store, &general).await, ["a"]);
    assert_eq!(contents(&store, &private).await, ["b", "c"]);

    assert_eq!(
        contents(&store, &lost).await,
        [""; 0],
        "it is not read as the other"
    );
    assert_eq!(store.span(lost.key, None, 10).await.unwrap(), None);
    assert_eq!(store.head(lost.key).await.unwrap(), None);
    let heads = store
        .heads(&[known(&lost, 1), known(&private, 2)])
        .await
        .unwrap();
    assert_eq!((heads.gone, heads.rooms), (vec![lost.key], vec![]));
    assert!(!store.adopt_room(lost.key, alice).await.unwrap());
    assert!(!store.adopt_room(private.key, bob).await.unwrap());
    let name = RoomName::parse("theirs").unwrap();
    store
        .create_room(&name, RoomKind::Public, Some(bob), None)
        .await
        .unwrap()
        .expect("a new room");
    let owned = "SELECT count(*) FROM rooms WHERE created_by IS NOT NULL";
    assert_eq!(db.number(owned).await, 0);
}

/// What an instance was told is committed, the database lacks: it went back.
pub(crate) async fn a_commit_that_is_lost_is_noticed(db: Db) {
    let store = db.open().await;
    let user = store.user("alice").await.expect("a user");
    let general = room(&store, "general").await;
    let went_back = async || store.went_back().await.expect("an answer");
    append(&store, &[draft(&general, user, "kept")]).await;
    append(&store, &[draft(&general, user, "lost")]).await;
    assert!(!went_back().await);
    db.sql("DELETE FROM messages WHERE content = 'lost'; UPDATE rooms SET last_seq = 1")
        .await;
    db.sql(match db.kind {
        Kind::Sqlite => "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'messages'",
        Kind::Postgres => "UPDATE writers SET batch = batch - 1",
    })
    .await;
    if db.kind == Kind::Postgres {
        append(&store, &[draft(&general, user, "anew")]).await;
    }
    assert!(went_back().await);
    assert!(!went_back().await, "it is said once");
    append(&store, &[draft(&general, user, "more")]).await;
    assert!(!went_back().await);
}
