//! What is held in memory has a bound, whichever clients come and go and whatever is asked for.
use super::*;
use crate::model::Number;

/// However a crowd comes and goes, what a tail holds of it is bounded, and who reads misses no
/// message over it.
#[tokio::test]
async fn notices_are_trimmed_between_messages_that_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, room, user) = store(&folder).await;
    let hub = hub(&store, TailLimits::keeping(5));
    let served = hub.room(&room);
    let mut reader = hub
        .read(&room, Start::Last(0), Arc::default())
        .await
        .expect("reads");
    let mut slices = Vec::new();
    let mut seen = Vec::new();
    for round in 0..4 {
        let stored = write(&*store, &room, user, &[format!("{round}")]).await;
        served.accept(stored, hub.now());
        for n in 0..1_000 {
            served.notice(joined(&n.to_string()));
        }
        let (chunks, weight) = served.with_tail(|tail| tail.holds()).expect("warm");
        assert!(chunks < 300 && weight < 500_000, "{chunks} of {weight}");
        // Some are read by one who has fallen behind what was dropped.
        if round == 2 {
            drain(&mut reader, &mut seen).await;
            assert_eq!(seen, [1, 2, 3]);
        }
    }
    drain(&mut reader, &mut seen).await;
    assert_eq!(seen, [1, 2, 3, 4]);
    assert_eq!(reader.peek(&mut slices), Next::Idle);
    reader.end_here();
    assert_eq!(reader.peek(&mut slices), Next::Ended);
}

/// A tail weighs what its messages come to on the wire.
#[tokio::test]
async fn a_tail_weighs_what_is_written_of_it() {
    let line = |text: &str| {
        Item::Entry(Entry {
            id: MessageId::new(1),
            seq: Seq::FIRST,
            room: RoomName::stored(&"r".repeat(64)),
            user: "u".repeat(32).into(),
            number: Number::new(1),
            what: text.into(),
            created_at: Default::default(),
        })
    };
    let weight = |text: &str| Chunk::new(vec![line(text)], None).weight();
    assert!(weight(&"\n".repeat(3_999)) > 4_000 * 100);
    assert!(weight(&"x".repeat(4_000)) > 4 * 4_000);
    assert!(weight("hi") < 2_000);
}

/// A part of the past is read whole and in order, from memory and from the store, and never more
/// of it at once than a page.
#[tokio::test]
async fn a_past_is_read_page_by_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, room, user) = store(&folder).await;
    let texts: Vec<String> = (1..=700)
        .map(|n| format!("{n} {}", "x".repeat(2_000)))
        .collect();
    write(&*store, &room, user, &texts).await;
    let hub = hub(&store, TailLimits::keeping(5));
    let _reader = hub
        .read(&room, Start::Last(5), Arc::default())
        .await
        .expect("reads");
    for (before, limit, wanted) in [(Some(601), 500, 101..=600), (None, 3, 698..=700)] {
        let before = before.map(Seq::new);
        let past = hub.past(&room, before, limit).await.expect("reads");
        let (span, mut past) = past.expect("there are some");
        assert_eq!(
            (span.first.get(), span.last.get()),
            (*wanted.start(), *wanted.end())
        );
        assert!(span.more && span.count == limit);
        let (mut seen, mut slices) = (Vec::new(), Vec::new());
        loop {
            slices.clear();
            match past.peek(&mut slices) {
                Next::Some => {}
                Next::Behind => {
                    past.fetch().await.expect("reads");
                    continue;
                }
                _ => break,
            }
            let slice = &slices[0];
            assert!(slice.chunk.weight() < 2 << 20);
            // The first is written, the rest dropped and read again.
            let first = &slice.chunk.items()[slice.from];
            let Item::Entry(message) = first else {
                panic!("only messages")
            };
            seen.push(message.seq.get());
            past.advance(slice, 1);
            past.park();
        }
        assert_eq!(seen, wanted.collect::<Vec<_>>());
    }
    let (answer, more) = hub
        .history(&room, None, 500, Seq::START)
        .await
        .expect("reads");
    assert!(
        more && answer.len() < 300,
        "{} are one answer",
        answer.len()
    );
    let last = answer.last().map(|message| message.seq);
    assert_eq!(last, Some(Seq::new(700)));
}

#[tokio::test]
async fn a_page_is_as_new_as_the_place_at_which_it_is_true() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, room, user) = store(&folder).await;
    let hub = hub(&store, TailLimits::keeping(5));
    write(&*store, &room, user, &["one".to_owned()]).await;
    let start = Start::After(Seq::START);
    let _reader = hub.read(&room, start, Arc::default()).await.expect("opens");
    // Another instance commits, and this one has not heard of it: as where the store is asked for the
    // place while memory is read from it.
    write(&*store, &room, user, &["two".to_owned()]).await;
    let true_at = store.head(room.key).await.expect("reads");
    let true_at = true_at.expect("it is there").last_seq;
    let (page, _) = hub.history(&room, None, 10, true_at).await.expect("reads");
    assert_eq!(page.len(), 2);
    let after = hub.history_after(&room, Seq::START, 10, true_at);
    assert_eq!(after.await.expect("reads").0.len(), 2);
}
