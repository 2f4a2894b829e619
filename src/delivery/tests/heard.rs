//! What is heard of is believed for as long as nothing better is known.
use futures_util::FutureExt;

use super::*;
use crate::bus::{BusEvent, RoomChannel, Said};
use crate::model::{Epoch, Lineage, Number};

/// What each entry says, in the order in which a reader is given them.
pub(super) async fn contents(reader: &mut Cursor) -> Vec<String> {
    let mut seen = Vec::new();
    let each = |entry: &Item| match entry {
        Item::Entry(m) => seen.push(format!("{} {}", m.seq, m.text())),
        other => seen.push(short(other)),
    };
    given(reader, each).await;
    seen
}

/// A room of ten messages, "0" to "9", with a reader who has had them.
pub(super) async fn read_room(
    folder: &tempfile::TempDir,
) -> (Arc<Hub>, RoomRef, UserKey, Vec<Entry>, Cursor) {
    let (store, room, user) = store(folder).await;
    let texts: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    let said = write(&*store, &room, user, &texts).await;
    let hub = hub(&store, TailLimits::keeping(20));
    let mut reader = hub
        .read(&room, Start::Last(1), Arc::default())
        .await
        .expect("readable");
    assert_eq!(contents(&mut reader).await, ["10 9"]);
    (hub, room, user, said, reader)
}

fn lies(said: &[Entry], seqs: std::ops::RangeInclusive<i64>) -> Vec<Entry> {
    let lie = |seq| Entry {
        seq: Seq::new(seq),
        id: MessageId::new(1_000_000 + seq),
        what: "a lie".into(),
        ..said[0].clone()
    };
    seqs.map(lie).collect()
}

#[tokio::test]
async fn what_was_committed_here_wins_over_what_was_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, room, user, said, mut reader) = read_room(&folder).await;
    let served = hub.served(room.key).expect("it is read");
    for lie in lies(&said, 11..=13) {
        assert_eq!(served.accept_announced(lie), Taken::All, "it comes next");
    }
    assert_eq!(
        contents(&mut reader).await,
        ["11 a lie", "12 a lie", "13 a lie"]
    );
    let own = write(&*hub.log, &room, user, &["own".into(), "more".into()]).await;
    let before = hub.epochs.era().await.expect("an epoch").epoch;
    assert_eq!(served.accept(own.clone(), hub.now()), Taken::Disputed);
    hub.settle(&served).await.expect("readable");
    assert_eq!(
        contents(&mut reader).await,
        ["reset 10", "11 own", "12 more"]
    );
    let after = hub.epochs.era().await.expect("an epoch");
    assert!(after.epoch != before && after.is_news(), "{after:?}");
    // Heard again, also as the lie, it stays as it is: the store is asked.
    assert_eq!(served.accept_announced(own[0].clone()), Taken::All);
    let lie = lies(&said, 12..=12).remove(0);
    assert_eq!(served.accept_announced(lie), Taken::Disputed);
    hub.settle(&served).await.expect("readable");
    assert_eq!(hub.epochs.era().await.expect("an epoch"), after);
    assert_eq!(served.missing_up_to(), None);
    assert_eq!(contents(&mut reader).await, [""; 0]);
    let late = hub.read(&room, Start::Last(3), Arc::default()).await;
    assert_eq!(
        contents(&mut late.expect("reads")).await,
        ["10 9", "11 own", "12 more"]
    );
}

#[tokio::test]
async fn what_was_set_aside_is_not_replaced_by_what_is_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, room, user, said, mut reader) = read_room(&folder).await;
    let served = hub.served(room.key).expect("it is read");
    let stored = write(&*hub.log, &room, user, &["theirs".into(), "own".into()]).await;
    let taken = served.accept(stored[1..].to_vec(), hub.now());
    assert_eq!(taken, Taken::Missing);
    served.accept_announced(stored[0].clone());
    served.accept_announced(lies(&said, 12..=12).remove(0));
    assert_eq!(contents(&mut reader).await, ["11 theirs", "12 own"]);
}

#[tokio::test]
async fn a_look_takes_back_whatever_was_not_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, room, user, said, mut reader) = read_room(&folder).await;
    let served = hub.served(room.key).expect("it is read");
    for lie in lies(&said, 11..=110) {
        served.accept_announced(lie);
    }
    assert_eq!(contents(&mut reader).await.len(), 100);
    let texts: Vec<String> = (11..=111).map(|n| format!("so {n}")).collect();
    let theirs = write(&*hub.log, &room, user, &texts).await;
    sweep(&hub).await;
    hub.settle(&served).await.expect("readable");
    let given = contents(&mut reader).await;
    assert_eq!(
        (given.len(), &*given[0], &*given[1], &*given[101]),
        (102, "reset 10", "11 so 11", "111 so 111")
    );
    // What another instance proves of a place is looked up, and is so.
    let other = Entry {
        id: MessageId::new(7),
        ..theirs[50].clone()
    };
    assert_eq!(served.accept_announced(other), Taken::Disputed);
    hub.settle(&served).await.expect("readable");
    assert_eq!(contents(&mut reader).await, [""; 0]);
    assert_eq!(served.missing_up_to(), None);
}

/// Of two primaries both go on with one epoch, and PostgreSQL counts which was promoted.
#[tokio::test]
async fn what_is_of_another_past_is_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, room, _, said, mut reader) = read_room(&folder).await;
    hub.remember(room);
    let era = hub.epochs.era().await.expect("an epoch");
    let next = |content: &str| Entry {
        seq: Seq::new(11),
        id: MessageId::new(said[9].id.get() + 1),
        number: Number::new(11),
        what: content.into(),
        ..said[9].clone()
    };
    let calls = super::super::relay::Calls::default();
    let hear = |content: &str, epoch: &Epoch, timeline| {
        let lineage = Some(Lineage {
            epoch: epoch.clone(),
            timeline,
        });
        let what = next(content);
        let event = BusEvent::Entry(
            RoomChannel::Public(what.room.clone()),
            Said { what, lineage },
        );
        super::super::relay::on_event(&hub, &calls, event);
    };
    hear("of another epoch", &Epoch::named("another"), None);
    assert_eq!(contents(&mut reader).await, [""; 0]);
    assert!(
        calls.hinted.notified().now_or_never().is_some(),
        "the store is asked"
    );
    hear("of ours", &era.epoch, Some(7));
    assert_eq!(contents(&mut reader).await, ["11 of ours"]);
}
