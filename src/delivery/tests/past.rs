//! The past goes back under readers: each is told, and then given what is stored.
use super::*;

/// The database as a lagging standby has it, or an older backup: without what came after `seq`.
async fn go_back(folder: &tempfile::TempDir, seq: i64) {
    let back = format!(
        "DELETE FROM messages WHERE seq > {seq}; UPDATE rooms SET last_seq = {seq};
         UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM messages) WHERE name = 'messages'"
    );
    change(folder, back).await;
}

async fn change(folder: &tempfile::TempDir, sql: String) {
    let url = format!("sqlite://{}/test.db", folder.path().display());
    let pool = sqlx::SqlitePool::connect(&url).await.expect("the file");
    let changed = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await;
    changed.expect("it is changed");
    pool.close().await;
}

/// What each entry says, in the order in which a reader is given them.
async fn given(reader: &mut Cursor) -> Vec<String> {
    heard::contents(reader).await
}

#[tokio::test]
async fn a_log_that_ends_earlier_is_told_and_goes_on_from_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, room, user, _, mut reader) = heard::read_room(&folder).await;
    go_back(&folder, 7).await;
    sweep(&hub).await;
    assert_eq!(given(&mut reader).await, ["reset 7"]);
    write(&*hub.log, &room, user, &["anew".into()]).await;
    sweep(&hub).await;
    assert_eq!(given(&mut reader).await, ["8 anew"]);
    let late = hub.read(&room, Start::Last(2), Arc::default()).await;
    assert_eq!(given(&mut late.expect("reads")).await, ["7 6", "8 anew"]);
}

#[tokio::test]
async fn a_log_that_went_back_and_grew_beyond_is_told_from_where_it_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, room, user, _, mut reader) = heard::read_room(&folder).await;
    go_back(&folder, 7).await;
    // The ids are given again: only the time tells these from those that were lost.
    let texts: Vec<String> = (8..=14).map(|n| format!("new {n}")).collect();
    write(&*hub.log, &room, user, &texts).await;
    sweep(&hub).await;
    let served = hub.served(room.key).expect("it is read");
    hub.settle(&served).await.expect("readable");
    let mut wanted = vec!["reset 7".to_owned()];
    wanted.extend((8..=14).map(|n| format!("{n} new {n}")));
    assert_eq!(given(&mut reader).await, wanted);
}

#[tokio::test]
async fn a_room_that_is_gone_ends_and_the_one_with_its_id_is_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, room, user, _, mut reader) = heard::read_room(&folder).await;
    let id = room.key.id;
    let other = format!("DELETE FROM rooms; INSERT INTO rooms (id, name) VALUES ({id}, 'other')");
    change(&folder, other).await;
    sweep(&hub).await;
    assert_eq!(given(&mut reader).await, ["reset 0", "end no_such_room"]);
    assert_eq!(reader.peek(&mut Vec::new()), Next::Ended);
    assert_eq!(hub.take_gone(), std::slice::from_ref(&room));
    assert!(hub.served(room.key).is_none() && hub.remembered(&room.name).is_none());
    let draft = Draft {
        room: room.key,
        user,
        operation: Operation::say("for a room that is gone".into()),
        nonce: None,
    };
    let answers = hub.log.append(&[draft]).await.expect("an answer");
    assert_eq!(answers, [Err(store::Rejected::NoSuchRoom)]);
    let late = hub.read(&room, Start::Last(5), Arc::default()).await;
    assert_eq!(given(&mut late.expect("reads")).await, [""; 0]);
}

#[tokio::test]
async fn of_two_instances_that_find_it_each_tells_it_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, room, _, _, mut reader) = heard::read_room(&folder).await;
    let other = Arc::new(Hub::new(
        hub.log.clone(),
        hub.notices.clone(),
        hub.epochs.clone(),
        hub.bus.clone(),
        hub.clock.clone(),
        hub.meters.clone(),
        TailLimits::keeping(20),
    ));
    let elsewhere = other.read(&room, Start::Last(1), Arc::default()).await;
    let mut elsewhere = elsewhere.expect("reads");
    assert_eq!(given(&mut elsewhere).await, ["10 9"]);
    go_back(&folder, 7).await;
    let mut told = [Vec::new(), Vec::new()];
    for _ in 0..2 {
        sweep(&hub).await;
        told[0].extend(given(&mut reader).await);
        sweep(&other).await;
        told[1].extend(given(&mut elsewhere).await);
    }
    assert_eq!(told, [["reset 7"], ["reset 7"]]);
}

#[tokio::test]
async fn an_epoch_that_another_begins_is_told_in_every_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, room, user, _, mut reader) = heard::read_room(&folder).await;
    let era = hub.epochs.era().await.expect("an epoch");
    let begun = hub.epochs.begin_epoch(&era.epoch, "a test").await;
    let next = begun.expect("begun").epoch;
    sweep(&hub).await;
    assert_eq!(given(&mut reader).await, ["reset 10"]);
    sweep(&hub).await;
    assert_eq!(given(&mut reader).await, [""; 0], "it is told once");
    // A position of the epoch before means nothing; one of this one does.
    let read = async |start| {
        let reader = hub.read(&room, start, Arc::default()).await;
        given(&mut reader.expect("reads")).await
    };
    let seq = Seq::new(8);
    assert_eq!(read(Start::In(era.epoch, seq)).await, ["reset 10"]);
    assert_eq!(read(Start::In(next, seq)).await, ["9 8", "10 9"]);
    write(&*hub.log, &room, user, &["more".into()]).await;
    assert_eq!(read(Start::After(Seq::new(99))).await, ["reset 11"]);
}

#[tokio::test]
async fn of_several_who_find_the_same_one_begins_the_epoch() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, ..) = store(&folder).await;
    let before = store.era().await.expect("an epoch");
    assert_eq!((&before.reason, before.is_news()), (&None, false));
    let begin = |n: usize| {
        let (store, before) = (store.clone(), before.epoch.clone());
        async move { store.begin_epoch(&before, &n.to_string()).await }
    };
    let all = futures_util::future::join_all((0..8).map(begin)).await;
    let now = store.era().await.expect("an epoch");
    assert!(now.epoch != before.epoch && now.is_news());
    assert!(all.into_iter().all(|era| era.expect("an answer") == now));
}
