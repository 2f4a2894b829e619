//! Delivery as a property: whatever the bus loses, repeats, delays or reorders, and whoever
//! writes, every reader sees 1, 2, 3, … once each.
mod bounds;
mod heard;
mod network;
mod past;

use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::sync::Notify;

use super::room::Taken;
use super::*;
use crate::bus::LocalBus;
use crate::clock::ManualClock;
use crate::meter::Meters;
use crate::model::{Entry, MessageId, Nickname, Notice, RoomKind, RoomName, RoomRef, Seq, UserKey};
use crate::store::{self, Draft, Log, Operation, Store};

/// A store on a file of its own with one room and one user.
async fn store(folder: &tempfile::TempDir) -> (Arc<dyn Store>, RoomRef, UserKey) {
    let options = store::Options {
        url: format!("sqlite://{}/test.db", folder.path().display()),
        application: "test".into(),
        connections: 4,
        idle_timeout: std::time::Duration::from_secs(30),
        acquire_timeout: std::time::Duration::from_secs(5),
        shed_after: std::time::Duration::from_secs(5),
        waiting: 100,
    };
    let store = store::open(&options, Arc::default()).await.expect("opens");
    let user = store.user("writer").await.expect("made");
    let name = RoomName::parse("room").expect("a name");
    let room = store
        .create_room(&name, crate::model::RoomKind::Public, Some(user), None)
        .await
        .expect("works")
        .expect("new");
    (store, room, user)
}

fn hub(store: &Arc<dyn Store>, limits: TailLimits) -> Arc<Hub> {
    let clock = Arc::new(ManualClock::default());
    let bus = Arc::new(LocalBus::open().0);
    Arc::new(Hub::new(
        store.clone(),
        store.clone(),
        store.clone(),
        bus,
        clock,
        Arc::new(Meters::default()),
        limits,
    ))
}

async fn write(log: &dyn Log, room: &RoomRef, user: UserKey, texts: &[String]) -> Vec<Entry> {
    let draft = |text: &String| Draft {
        room: room.key,
        user,
        operation: Operation::say(text.as_str().into()),
        nonce: None,
    };
    let drafts: Vec<_> = texts.iter().map(draft).collect();
    let stored = log.append(&drafts).await.expect("commits");
    let message = |(stored, text): (Result<store::Appended, _>, &String)| {
        let stored = stored.expect("stored");
        Entry {
            id: stored.id,
            seq: stored.seq,
            room: room.name.clone(),
            user: "writer".into(),
            number: stored.number,
            what: text.as_str().into(),
            created_at: stored.created_at,
        }
    };
    stored.into_iter().zip(texts).map(message).collect()
}

fn after(seq: i64) -> Start {
    Start::After(Seq::new(seq))
}

/// Everything that a reader is given until it has nothing more to come.
async fn given(reader: &mut Cursor, mut each: impl FnMut(&Item)) {
    let mut slices = Vec::new();
    loop {
        slices.clear();
        match reader.peek(&mut slices) {
            Next::Some => {
                for slice in &slices {
                    slice.chunk.items()[slice.from..].iter().for_each(&mut each);
                    reader.advance(slice, slice.len());
                }
            }
            Next::Behind => reader.fetch().await.expect("readable"),
            Next::Idle | Next::Ended => return,
        }
    }
}

/// The same where nothing is missing.
async fn drain(reader: &mut Cursor, seen: &mut Vec<i64>) {
    let each = |entry: &Item| match entry {
        Item::Entry(m) => {
            assert_ne!(m.text(), "forged", "only what was committed");
            seen.push(m.seq.get());
        }
        Item::Notice(_) => {}
        other => panic!("nothing is missing, but {other:?} was told"),
    };
    given(reader, each).await;
}

/// What happens to a committed message on its way to the other instance.
#[derive(Debug, Clone)]
enum Fate {
    Lost,
    Once,
    Twice,
    Late(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => Just(Fate::Lost),
        4 => Just(Fate::Once),
        1 => Just(Fate::Twice),
        3 => (1usize..6).prop_map(Fate::Late),
    ]
}

/// In which order messages arrive under these fates.
fn arrivals(messages: &[Entry], fates: &[Fate]) -> Vec<Entry> {
    let mut timed: Vec<(usize, Entry)> = Vec::new();
    for (i, (message, fate)) in messages.iter().zip(fates).enumerate() {
        match fate {
            Fate::Lost => {}
            Fate::Once => timed.push((i, message.clone())),
            Fate::Twice => timed.extend([(i, message.clone()), (i + 3, message.clone())]),
            Fate::Late(by) => timed.push((i + by, message.clone())),
        }
    }
    timed.sort_by_key(|(at, _)| *at);
    timed.into_iter().map(|(_, message)| message).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn readers_see_every_message_once_and_in_order_under_any_bus(
        fates in proptest::collection::vec(fate(), 1..60),
        sweeps in proptest::collection::vec(any::<bool>(), 60),
        forged in proptest::collection::vec((0usize..60, 2u64..80), 0..8),
        keep in 1usize..12,
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let (store, room, user) = store(&folder).await;
            let limits = TailLimits { keep, entries: keep, notices: 8, bytes: 1 << 20 };
            let hub = hub(&store, limits);
            let signal = Arc::<Notify>::default();
            let mut live = hub.read(&room, after(0), signal.clone()).await.expect("opens");
            let served = hub.served(room.key).expect("it is read");
            let mut seen = Vec::new();
            let texts: Vec<String> = (0..fates.len()).map(|n| n.to_string()).collect();
            let committed = write(&*store, &room, user, &texts).await;
            let lie = Entry { what: "forged".into(), ..committed[0].clone() };
            let arriving = arrivals(&committed, &fates).into_iter().zip(&sweeps);
            for (at, (message, sweep)) in arriving.enumerate() {
                for (_, beyond) in forged.iter().filter(|(when, _)| *when == at) {
                    let seq = served.delivered().expect("warm").plus(*beyond);
                    served.accept_announced(Entry { seq, ..lie.clone() });
                }
                let missing = served.accept_announced(message);
                if missing == Taken::Missing && *sweep {
                    hub.catch_up(&served).await.expect("readable");
                }
                drain(&mut live, &mut seen).await;
            }
            hub.catch_up(&served).await.expect("readable");
            drain(&mut live, &mut seen).await;
            let all: Vec<i64> = (1..=committed.len() as i64).collect();
            prop_assert_eq!(&seen, &all);
            prop_assert_eq!(served.missing_up_to(), None, "nothing waits for what will never come");
            for after in 0..committed.len() as i64 {
                let start = self::after(after);
                let mut resumed = hub.read(&room, start, signal.clone()).await.expect("opens");
                let mut seen = Vec::new();
                drain(&mut resumed, &mut seen).await;
                prop_assert_eq!(&seen[..], &all[after as usize..]);
            }
            Ok(())
        })?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_that_write_to_one_room_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, room, user) = store(&folder).await;
    let orders = Arc::new(Mutex::new(Vec::new()));
    let mut instances = Vec::new();
    for name in ["one", "other"] {
        let (store, room, orders) = (store.clone(), room.clone(), orders.clone());
        instances.push(tokio::spawn(async move {
            let hub = hub(&store, TailLimits::keeping(10));
            let (committer, work) = Committer::new(hub.clone());
            let work = tokio::spawn(work);
            let mut cursor = hub
                .read(&room, after(0), Arc::default())
                .await
                .expect("opens");
            for n in 0..200 {
                let outgoing = Outgoing {
                    kind: RoomKind::Public,
                    room: room.clone(),
                    user,
                    author: Author::Guest,
                    nickname: name.into(),
                    operation: Operation::say(n.to_string().into()),
                    nonce: None,
                };
                committer
                    .send(outgoing)
                    .expect("room")
                    .await
                    .expect("answered")
                    .expect("sent");
            }
            drop(committer);
            work.await.expect("ends");
            let mut seen = Vec::new();
            while seen.len() < 400 {
                let served = hub.served(room.key).expect("it is read");
                hub.catch_up(&served).await.expect("readable");
                drain(&mut cursor, &mut seen).await;
            }
            orders.lock().push(seen);
        }));
    }
    for instance in instances {
        instance.await.expect("no panic");
    }
    let wanted: Vec<i64> = (1..=400).collect();
    assert!(orders.lock().iter().all(|order| *order == wanted));
}

#[tokio::test]
async fn what_was_deleted_is_named_as_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, room, user) = store(&folder).await;
    let texts: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    write(&*store, &room, user, &texts).await;
    let url = format!("sqlite://{}/test.db", folder.path().display());
    let pool = sqlx::SqlitePool::connect(&url)
        .await
        .expect("the same file");
    let delete = "DELETE FROM messages WHERE seq <= 10 OR seq BETWEEN 15 AND 16 OR seq > 28";
    sqlx::query(delete).execute(&pool).await.expect("deleted");
    let hub = hub(&store, TailLimits::keeping(5));
    let mut cursor = hub
        .read(&room, after(3), Arc::default())
        .await
        .expect("opens");
    let mut told = Vec::new();
    given(&mut cursor, |entry| told.push(short(entry))).await;
    let mut wanted = vec!["gap 4-10".to_owned()];
    wanted.extend((11..=14).map(|n| n.to_string()));
    wanted.push("gap 15-16".to_owned());
    wanted.extend((17..=28).map(|n| n.to_string()));
    wanted.push("gap 29-30".to_owned());
    assert_eq!(told, wanted);
}

fn joined(nickname: &str) -> Notice {
    Notice::joined(&RoomName::stored("room"), &Nickname::stored(nickname))
}

fn short(entry: &Item) -> String {
    match entry {
        Item::Entry(message) => message.seq.to_string(),
        Item::Gap { from, to, .. } => format!("gap {}-{to}", from.unwrap_or_default()),
        Item::Notice(Notice::Joined { nickname, .. }) => format!("{nickname} joined"),
        Item::Notice(other) => panic!("no reader is told {other:?}"),
        Item::Reset { last_seq, .. } => format!("reset {last_seq}"),
        Item::Unreadable { why, .. } => format!("unreadable {}", why.as_str()),
        Item::End { why, .. } => format!("end {}", why.as_str()),
    }
}

/// Everything that a reader is given: messages as their `seq`, gaps as where they end, negated.
async fn told(reader: &mut Cursor) -> Vec<i64> {
    let mut seen = Vec::new();
    let each = |entry: &Item| match entry {
        Item::Entry(message) => seen.push(message.seq.get()),
        Item::Gap { to, .. } => seen.push(-to.get()),
        Item::Notice(_) => {}
        other => panic!("{other:?} was told"),
    };
    given(reader, each).await;
    seen
}

/// The sweep, once.
async fn sweep(hub: &Arc<Hub>) {
    relay::sweep(hub).await.expect("readable");
}

#[tokio::test]
async fn what_is_put_back_is_history_and_no_news() {
    use crate::model::Number;
    use crate::store::history::{self, Claim, Row, Spot};
    let folder = tempfile::tempdir().expect("a folder");
    let (store, room, user) = store(&folder).await;
    let hub = hub(&store, TailLimits::keeping(3));
    let say = async |count: usize| {
        let texts: Vec<_> = (0..count).map(|n| format!("said {n}")).collect();
        write(&*store, &room, user, &texts).await
    };
    say(5).await;
    let signal = Arc::new(Notify::new());
    let read = async |start| hub.read(&room, start, signal.clone()).await.expect("reads");
    let mut live = read(Start::Last(2)).await;
    assert_eq!(told(&mut live).await, [4, 5]);
    let mut slow = read(Start::Last(3)).await;

    // Another process deletes what is old: history knows it no more.
    let url = format!("sqlite://{}/test.db", folder.path().display());
    let mut history = history::open(&url, "test").await.expect("opens");
    let deleted = history
        .delete(room.key.id, Seq::new(2), 100)
        .await
        .expect("deleted");
    assert_eq!(deleted, 2);
    let served = hub.room(&room);
    sweep(&hub).await;
    let (there, more) = hub
        .history(&room, Some(Seq::new(4)), 10, Seq::START)
        .await
        .expect("reads");
    assert_eq!((there.len(), more), (1, false), "only 3 is before 4");

    // It puts those back, and others beyond the newest.
    let row = |seq| Row {
        id: MessageId::new(1_000 + seq),
        seq: Seq::new(seq),
        number: Number::new(seq),
        user: Some("writer".into()),
        content: "from the archive".into(),
        created_at: "2024-01-01T00:00:00Z".parse().expect("a time"),
        details: None,
    };
    let claimed = history
        .claim(
            (&room.name, RoomKind::Public),
            Claim::UpTo(Spot::default().plus(9)),
            MessageId::new(1_009),
            None,
        )
        .await;
    assert_eq!(claimed.expect("claimed").0, room.key.id);
    // What is said meanwhile comes after it.
    let said = say(1).await;
    assert_eq!(said[0].seq.get(), 10);
    served.accept(said, hub.now());
    hub.catch_up(&served).await.expect("readable");
    assert_eq!(told(&mut live).await, [-9, 10], "no news, but a gap");
    let rows: Vec<_> = [1, 2, 6, 7, 8, 9].map(row).to_vec();
    assert_eq!(
        history.restore(room.key.id, &rows).await.expect("restored"),
        6
    );
    assert_eq!(history.restore(room.key.id, &rows).await.expect("works"), 0);
    history.refresh(room.key.id).await.expect("works");
    sweep(&hub).await;
    assert_eq!(told(&mut live).await, [0; 0], "it has had all");
    assert_eq!(told(&mut read(Start::Last(3)).await).await, [8, 9, 10]);
    let (there, _) = hub
        .history(&room, Some(Seq::new(3)), 10, Seq::START)
        .await
        .expect("reads");
    assert_eq!(there.len(), 2, "what is behind the tail is there at once");

    // A replay at the very end, nothing said after it.
    let claimed = history
        .claim(
            (&room.name, RoomKind::Public),
            Claim::Next(2),
            MessageId::new(1_012),
            None,
        )
        .await;
    assert_eq!(
        claimed.expect("claimed"),
        (room.key.id, Spot::default().plus(10))
    );
    let rows = [11, 12].map(row);
    history.restore(room.key.id, &rows).await.expect("restored");
    sweep(&hub).await;
    assert_eq!(told(&mut live).await, [-12]);
    assert_eq!(told(&mut slow).await, [3, 4, 5, 6, 7, 8, 9, 10, -12]);
    let mut resumed = read(after(9)).await;
    assert_eq!(told(&mut resumed).await, [10, 11, 12]);
    say(1).await;
    sweep(&hub).await;
    for reader in [&mut live, &mut slow, &mut resumed] {
        assert_eq!(told(reader).await, [13]);
    }
    history.close().await;
}

#[tokio::test]
async fn a_page_that_goes_beyond_the_tail_is_not_given_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, room, user) = store(&folder).await;
    let texts = |count: usize| vec!["text".to_owned(); count];
    write(&*store, &room, user, &texts(10)).await;
    let hub = hub(&store, TailLimits::keeping(2));
    let served = hub.room(&room);
    let mut reader = hub
        .read(&room, after(0), Arc::default())
        .await
        .expect("readable");
    // Others commit, and this instance hears of it only after the reader has read its page.
    write(&*store, &room, user, &texts(5)).await;
    let mut seen = Vec::new();
    drain(&mut reader, &mut seen).await;
    assert_eq!(seen, (1..=15).collect::<Vec<i64>>());
    served.notice(joined("alice"));
    hub.catch_up(&served).await.expect("readable");
    let more = write(&*store, &room, user, &texts(1)).await;
    served.accept(more, hub.now());
    let mut slices = Vec::new();
    let mut rest = Vec::new();
    while reader.peek(&mut slices) == Next::Some {
        for slice in slices.drain(..) {
            rest.extend(slice.chunk.items()[slice.from..].iter().map(short));
            reader.advance(&slice, slice.len());
        }
    }
    assert_eq!(rest, ["alice joined", "16"]);
}
