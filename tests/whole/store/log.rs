//! The log: places without a gap, in the order of commits, and read back as they were said.
use std::collections::HashSet;
use std::sync::Arc;

use discordctl::model::{Entry, RoomKey, RoomKind, RoomName, RoomRef, RoomVersion, Seq, UserKey};
use discordctl::store::{
    Appended, Draft, Known, Operation, Page, Part, Rejected, RoomSummary, Store, StoreError, Viewer,
};

use crate::support::db::{Db, Kind};

pub(crate) fn draft(room: &RoomRef, user: UserKey, content: &str) -> Draft {
    Draft {
        room: room.key,
        user,
        operation: Operation::say(content.into()),
        nonce: None,
    }
}

pub(crate) async fn room(store: &Arc<dyn Store>, name: &str) -> RoomRef {
    let name = RoomName::parse(name).expect("a good name");
    let made = store.create_room(&name, RoomKind::Public, None, None).await;
    made.expect("the store answers").expect("a new room")
}

/// A room that is there, and the last `seq` in it.
pub(crate) async fn found(store: &Arc<dyn Store>, name: &RoomName) -> (RoomRef, Seq) {
    let found = store.room(name).await.unwrap();
    found.expect("the room")
}

pub(crate) async fn rooms(store: &Arc<dyn Store>) -> Vec<RoomSummary> {
    store.rooms(&Page::default(), Viewer::Server).await.unwrap()
}

/// Appends and expects that everything was stored.
pub(crate) async fn append(store: &Arc<dyn Store>, batch: &[Draft]) -> Vec<Appended> {
    let answers = store.append(batch).await.expect("the batch is committed");
    let stored = answers
        .into_iter()
        .map(|a| a.expect("the draft is stored"))
        .collect::<Vec<_>>();
    assert_eq!(stored.len(), batch.len());
    stored
}

pub(crate) fn known(room: &RoomRef, seq: i64) -> Known {
    Known {
        room: room.key,
        seq: Seq::new(seq),
        version: RoomVersion::new(0),
    }
}

pub(crate) async fn contents(store: &Arc<dyn Store>, room: &RoomRef) -> Vec<String> {
    let messages = store
        .read(room, Part::After(Seq::START), 100_000)
        .await
        .unwrap();
    for (message, seq) in messages.iter().zip(1..) {
        assert_eq!(message.seq.get(), seq, "in {}", room.name);
    }
    messages.iter().map(|m| m.text().to_owned()).collect()
}

pub(crate) async fn seqs_count_from_one_without_a_gap(db: Db) {
    const ROOMS: usize = 7;
    const BATCHES: usize = 12;
    let first = db.open().await;
    let user = first.user("alice").await.expect("a user");
    let mut rooms = Vec::new();
    for n in 0..ROOMS {
        rooms.push(room(&first, &format!("room-{n}")).await);
    }
    let mut appenders = Vec::new();
    for appender in 0..6 {
        let store = match appender % 2 {
            0 => db.open().await,
            _ => first.clone(),
        };
        let rooms = rooms.clone();
        appenders.push(tokio::spawn(async move {
            for batch in 0..BATCHES {
                // Each batch visits the rooms in another order, and each as often as any.
                let drafts: Vec<Draft> = (0..ROOMS * (1 + batch % 3))
                    .map(|n| {
                        let at = (n * (appender + 1) + batch) % ROOMS;
                        draft(&rooms[at], user, &format!("{appender}/{batch:02}/{n:02}"))
                    })
                    .collect();
                append(&store, &drafts).await;
            }
        }));
    }
    for appender in appenders {
        appender.await.expect("the appender is content");
    }
    let mut ids = HashSet::new();
    let mut all = 0;
    for room in &rooms {
        let said = contents(&first, room).await;
        all += said.len();
        for appender in 0..6 {
            let own = said
                .iter()
                .filter(|c| c.starts_with(&format!("{appender}/")));
            assert!(own.is_sorted(), "an appender's own order is kept");
        }
        let messages = first
            .read(room, Part::After(Seq::START), 100_000)
            .await
            .unwrap();
        ids.extend(messages.iter().map(|message| message.id));
        let (_, last) = found(&first, &room.name).await;
        assert_eq!(last.get(), said.len() as i64);
    }
    let wanted: usize = (0..BATCHES).map(|b| ROOMS * (1 + b % 3)).sum();
    assert_eq!(
        (all, ids.len()),
        (6 * wanted, 6 * wanted),
        "ids are unique over all rooms"
    );
}

pub(crate) async fn a_reader_beside_sees_commits_in_the_order_of_seq(db: Db) {
    const EACH: i64 = 150;
    let reader = db.open().await;
    let user = reader.user("alice").await.expect("a user");
    let general = room(&reader, "general").await;
    let mut writers = Vec::new();
    for writer in 0..3 {
        let (store, general) = (db.open().await, general.clone());
        writers.push(tokio::spawn(async move {
            for n in 0..EACH {
                let draft = [draft(&general, user, &format!("{writer}/{n}"))];
                // One of several that write may not get its turn in time; it is told so.
                while let Err(error) = store.append(&draft).await {
                    let in_turn = matches!(error, StoreError::Busy | StoreError::Unavailable(_));
                    assert!(in_turn, "{error}");
                }
            }
        }));
    }
    let mut last = Seq::START;
    loop {
        let written = writers.iter().all(|writer| writer.is_finished());
        let page = reader
            .read(&general, Part::After(last), 50)
            .await
            .expect("a page");
        if written && page.is_empty() {
            break;
        }
        for message in page {
            assert_eq!(
                message.seq,
                last.next(),
                "a seq became visible before the one below"
            );
            last = message.seq;
        }
        let known = known(&general, last.get());
        let head = reader.heads(&[known]).await.expect("heads");
        assert!(head.rooms.iter().all(|head| head.last_seq > last));
    }
    assert_eq!(last.get(), 3 * EACH);
    for writer in writers {
        writer.await.expect("the writer is content");
    }
}

pub(crate) async fn answers_tell_what_is_stored(db: Db) {
    let store = db.open().await;
    let user = store.user("Alice").await.expect("a user");
    let (one, two) = (room(&store, "one").await, room(&store, "Two").await);
    let long = "ü".repeat(4_000);
    let batch: Vec<Draft> = (0..1_024)
        .map(|n| match n {
            500 => draft(&two, user, &long),
            501 => draft(
                &one,
                user,
                "line\n'; DROP TABLE messages; --\ttab \\ \u{1F980}",
            ),
            _ if n % 3 == 0 => draft(&two, user, &format!("message {n}")),
            _ => draft(&one, user, &format!("message {n}")),
        })
        .collect();
    let answers = append(&store, &batch).await;
    for room in [&one, &two] {
        let said = store
            .read(room, Part::After(Seq::START), 2_000)
            .await
            .expect("messages");
        let told = batch
            .iter()
            .zip(&answers)
            .filter(|(d, _)| d.room == room.key);
        let mut count = 0;
        for (message, (draft, answer)) in said.iter().zip(told) {
            assert!(answer.fresh);
            assert_eq!(
                (message.id, message.seq, message.created_at),
                (answer.id, answer.seq, answer.created_at)
            );
            assert_eq!(
                (message.text(), &*message.user),
                (draft.operation.content(), "Alice")
            );
            assert_eq!(message.room.as_str(), room.name.as_str());
            count += 1;
        }
        assert_eq!(count, said.len());
    }
    assert_eq!(store.append(&[]).await.expect("an empty batch"), vec![]);
}

pub(crate) async fn a_missing_room_rejects_only_its_own_draft(db: Db) {
    let store = db.open().await;
    let user = store.user("alice").await.expect("a user");
    let (general, gone) = (room(&store, "general").await, room(&store, "gone").await);
    db.sql(&format!("DELETE FROM rooms WHERE id = {}", gone.key.id))
        .await;
    let batch = [
        draft(&gone, user, "a"),
        draft(&general, user, "b"),
        draft(&gone, user, "c"),
        draft(&general, user, "d"),
    ];
    let answers = store.append(&batch).await.expect("the batch is committed");
    let seqs: Vec<_> = answers
        .into_iter()
        .map(|a| a.map(|a| a.seq.get()))
        .collect();
    let no = Err(Rejected::NoSuchRoom);
    assert_eq!(seqs, vec![no, Ok(1), no, Ok(2)]);
    assert_eq!(contents(&store, &general).await, ["b", "d"]);
    let alone = store.append(&batch[..1]).await.expect("an answer");
    assert_eq!(alone, vec![Err(Rejected::NoSuchRoom)]);
}

pub(crate) async fn reads_stop_where_they_are_told(db: Db) {
    let store = db.open().await;
    let user = store.user("alice").await.expect("a user");
    let general = room(&store, "general").await;
    let batch: Vec<Draft> = (1..=10)
        .map(|n| draft(&general, user, &n.to_string()))
        .collect();
    append(&store, &batch).await;
    let seqs = |page: Vec<Entry>| page.iter().map(|m| m.seq.get()).collect::<Vec<_>>();
    let after = async |after, limit| {
        let page = store
            .read(&general, Part::After(Seq::new(after)), limit)
            .await;
        seqs(page.unwrap())
    };
    let before = async |before, limit| {
        let page = store
            .read(&general, Part::Before(Some(Seq::new(before))), limit)
            .await;
        seqs(page.unwrap())
    };
    assert_eq!(after(0, 3).await, [1, 2, 3]);
    assert_eq!(after(8, 3).await, [9, 10]);
    assert_eq!(after(10, 3).await, [0i64; 0]);
    assert_eq!(before(11, 3).await, [8, 9, 10]);
    assert_eq!(before(3, 3).await, [1, 2]);
    assert_eq!(before(i64::MAX, 1).await, [10]);
    assert_eq!(before(1, 3).await, [0i64; 0]);
    db.sql("DELETE FROM messages WHERE seq < 9").await;
    assert_eq!(after(0, 3).await, [9, 10], "a hole is what was deleted");
}

pub(crate) async fn heads_tell_the_rooms_that_went_on(db: Db) {
    let (store, other) = (db.open().await, db.open().await);
    let user = store.user("alice").await.expect("a user");
    let mut rooms = Vec::new();
    for n in 0..3 {
        rooms.push(room(&store, &format!("room-{n}")).await);
    }
    append(
        &other,
        &[draft(&rooms[1], user, "a"), draft(&rooms[1], user, "b")],
    )
    .await;
    append(&other, &[draft(&rooms[2], user, "c")]).await;
    let heads = async |asked: &[Known]| {
        let heads = store.heads(asked).await.expect("heads");
        let mut heads: Vec<_> = heads
            .rooms
            .iter()
            .map(|h| (h.room, h.last_seq.get()))
            .collect();
        heads.sort_unstable();
        heads
    };
    let all: Vec<_> = rooms.iter().map(|room| known(room, 0)).collect();
    assert_eq!(heads(&all).await, [(rooms[1].key, 2), (rooms[2].key, 1)]);
    let gone = Known {
        room: RoomKey::new(9_999, 1),
        ..known(&rooms[0], 0)
    };
    let some = [known(&rooms[1], 1), known(&rooms[2], 1), gone];
    assert_eq!(heads(&some).await, [(rooms[1].key, 2)]);
    let ahead = [known(&rooms[1], 7), known(&rooms[2], 1)];
    assert_eq!(heads(&ahead).await, [(rooms[1].key, 2)], "it went back");
    assert_eq!(heads(&[]).await, []);
    let head = store.head(rooms[1].key).await.expect("an answer");
    assert_eq!(head.map(|head| head.last_seq), Some(Seq::new(2)));
    assert_eq!(store.head(gone.room).await.expect("an answer"), None);
}

pub(crate) async fn rows_inserted_by_hand_are_messages(db: Db) {
    let store = db.open().await;
    db.sql("INSERT INTO users (nickname) VALUES ('Bob')").await;
    db.sql("INSERT INTO rooms (name, created_by) SELECT 'Ops', id FROM users")
        .await;
    db.sql("INSERT INTO room_members (room_id, user_id) SELECT r.id, u.id FROM rooms r, users u")
        .await;
    db.sql(
        "INSERT INTO messages (room_id, seq, user_id, content)
         SELECT r.id, 1, u.id, 'typed into psql' FROM rooms r, users u;
         UPDATE rooms SET last_seq = 1",
    )
    .await;
    let name = RoomName::parse("ops").expect("a good name");
    let (ops, last) = found(&store, &name).await;
    assert_eq!((ops.name.as_str(), last.get()), ("Ops", 1));
    let bob = store.user("bob").await.expect("the user");
    let next = append(&store, &[draft(&ops, bob, "typed into nc")]).await;
    assert_eq!(next[0].seq.get(), 2);
    let said = store
        .read(&ops, Part::After(Seq::START), 10)
        .await
        .expect("messages");
    assert_eq!(&*said[0].user, "Bob");
    assert!(said[0].created_at <= said[1].created_at);
    let said = contents(&store, &ops).await;
    assert_eq!(said, ["typed into psql", "typed into nc"]);
    assert_eq!(rooms(&store).await[0].members, 1);
}

pub(crate) async fn a_row_inserted_by_hand_without_its_last_seq_does_not_jam_the_room(db: Db) {
    let store = db.open().await;
    let user = store.user("alice").await.expect("a user");
    let (ops, general) = (room(&store, "ops").await, room(&store, "general").await);
    append(&store, &[draft(&ops, user, "first")]).await;
    db.sql(&format!(
        "INSERT INTO messages (room_id, seq, user_id, content) VALUES ({}, 2, {}, 'by hand')",
        ops.key.id, user.id
    ))
    .await;
    let batch = [
        draft(&general, user, "a neighbour"),
        draft(&ops, user, "third"),
    ];
    let answers = append(&store, &batch).await;
    assert_eq!((answers[0].seq.get(), answers[1].seq.get()), (1, 3));
    assert_eq!(contents(&store, &ops).await, ["first", "by hand", "third"]);
}

pub(crate) async fn a_deleted_users_messages_stay(db: Db) {
    let store = db.open().await;
    let user = store.user("alice").await.expect("a user");
    let general = room(&store, "general").await;
    append(&store, &[draft(&general, user, "before")]).await;
    db.sql("DELETE FROM users").await;
    let after = [draft(&general, user, "after")];
    let after = store.append(&after).await.expect("an answer");
    assert_eq!(
        after,
        [Err(Rejected::NoSuchUser)],
        "nothing is said by no one"
    );
    let said = store.read(&general, Part::After(Seq::START), 10).await;
    let said = said.expect("messages");
    let users: Vec<_> = said.iter().map(|m| &*m.user).collect();
    assert_eq!(users, ["deleted-user"]);
}

pub(crate) async fn changes_of_others_are_noticed(db: Db) {
    let (store, other) = (db.open().await, db.open().await);
    let user = store.user("alice").await.expect("a user");
    let general = room(&store, "general").await;
    let changed = async || store.changed().await.expect("an answer");
    changed().await;
    append(&other, &[draft(&general, user, "from elsewhere")]).await;
    assert!(changed().await, "another's commit is noticed");
    if db.kind == Kind::Sqlite {
        assert!(!changed().await, "once");
        append(&store, &[draft(&general, user, "from here")]).await;
        assert!(!changed().await, "one's own commit is no news");
    }
}

pub(crate) async fn a_closed_store_lost_nothing(db: Db) {
    let store = db.open().await;
    let user = store.user("alice").await.expect("a user");
    let general = room(&store, "general").await;
    append(&store, &[draft(&general, user, "kept")]).await;
    store.ping().await.expect("the database answers");
    store.close().await;
    assert!(
        store
            .read(&general, Part::After(Seq::START), 1)
            .await
            .is_err(),
        "a closed store is closed"
    );
    assert_eq!(contents(&db.open().await, &general).await, ["kept"]);
}
