//! Entries about messages: one order with them, in one commit with what they do to the message's row.
use std::sync::Arc;

use discordctl::model::{Entry, Event, Gone, Message, RoomRef, Seq, UserKey, What};
use discordctl::store::{Draft, Giving, Operation, Part, Rejected, Store};

use super::log::{append, draft, room};
use crate::support::db::Db;

fn about(room: &RoomRef, user: UserKey, operation: Operation) -> Draft {
    Draft {
        operation,
        ..draft(room, user, "")
    }
}

fn edit(seq: i64, text: &str) -> Operation {
    Operation::Edit {
        target: Seq::new(seq),
        content: text.into(),
    }
}

fn delete(seq: i64) -> Operation {
    Operation::Delete {
        target: Seq::new(seq),
        why: Gone::Author,
    }
}

fn react(seq: i64, emoji: &str, reaction: Giving) -> Operation {
    Operation::React {
        target: Seq::new(seq),
        emoji: emoji.into(),
        reaction,
    }
}

fn pin(seq: i64, pinned: bool) -> Operation {
    Operation::Pin {
        target: Seq::new(seq),
        pinned,
    }
}

async fn all(store: &Arc<dyn Store>, room: &RoomRef) -> Vec<Entry> {
    let entries = store.read(room, Part::After(Seq::START), 1_000).await;
    entries.expect("the store answers")
}

async fn messages(store: &Arc<dyn Store>, room: &RoomRef) -> Vec<Entry> {
    let messages = store.read(room, Part::Before(None), 1_000).await;
    messages.expect("the store answers")
}

fn message(entry: &Entry) -> &Message {
    entry.message().expect("a message")
}

fn event(entry: &Entry) -> &Event {
    match &entry.what {
        What::Event(event) => event,
        What::Message(_) => panic!("{entry:?} is no event"),
    }
}

/// Texts, with what is reacted to each.
fn looks(entry: &Entry) -> (String, Vec<(String, Vec<String>)>) {
    let of = message(entry);
    let reactions = of.details.iter().flat_map(|details| &details.reactions);
    let names = |users: &[Arc<str>]| users.iter().map(|user| user.to_string()).collect();
    let reactions = reactions.map(|(emoji, of)| (emoji.to_string(), names(&of.users)));
    (of.content.to_string(), reactions.collect())
}

pub(crate) async fn an_event_has_a_place_and_its_message_changes(db: Db) {
    let store = db.open().await;
    let alice = store.user("alice").await.unwrap();
    let bob = store.user("bob").await.unwrap();
    let tea = room(&store, "tea").await;
    let say = |text| draft(&tea, alice, text);
    append(&store, &[say("one"), say("two"), say("three")]).await;
    let events = [
        about(&tea, alice, edit(1, "uno")),
        about(&tea, bob, react(2, "👍", Giving::Given)),
        say("four"),
        about(&tea, alice, react(2, "🎉", Giving::Given)),
        about(&tea, alice, delete(3)),
        about(&tea, bob, pin(4, true)),
    ];
    // A target is there before the batch, so the last is about nothing.
    let answers = store.append(&events).await.unwrap();
    let last = answers.last().unwrap();
    assert_eq!(*last, Err(Rejected::NoSuchMessage));
    let stored: Vec<_> = answers[..5].iter().map(|a| a.clone().unwrap()).collect();
    let places: Vec<_> = stored
        .iter()
        .map(|a| (a.seq.get(), a.number.get(), a.fresh))
        .collect();
    // Both reactions are told by one entry.
    let wanted = [
        (4, 3, true),
        (5, 3, true),
        (6, 4, true),
        (5, 3, false),
        (7, 4, true),
    ];
    assert_eq!(places, wanted);
    append(&store, &[about(&tea, bob, pin(6, true))]).await;

    let entries = all(&store, &tea).await;
    let places: Vec<_> = entries
        .iter()
        .map(|e| (e.seq.get(), e.number.get()))
        .collect();
    let wanted = [
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 3),
        (5, 3),
        (6, 4),
        (7, 4),
        (8, 4),
    ];
    assert_eq!(places, wanted);
    let (one, three) = (message(&entries[0]), message(&entries[2]));
    assert_eq!(&*one.content, "uno");
    let edited_at = one.details.as_ref().and_then(|details| details.edited_at);
    assert_eq!(edited_at, Some(entries[3].created_at));
    assert_eq!(&*three.content, "");
    let gone = three.details.as_ref().and_then(|details| details.gone);
    assert_eq!(gone, Some(Gone::Author));
    let of_two = [("🎉", vec!["alice"]), ("👍", vec!["bob"])];
    let of_two = of_two.map(|(emoji, users)| {
        let users = users.into_iter().map(str::to_owned).collect::<Vec<_>>();
        (emoji.to_owned(), users)
    });
    let (text, mut reactions) = looks(&entries[1]);
    reactions.sort();
    let mut of_two = of_two.to_vec();
    of_two.sort();
    assert_eq!((text.as_str(), reactions), ("two", of_two));
    assert!(
        matches!(event(&entries[3]), Event::Edited { content: Some(text), .. } if &**text == "uno")
    );
    assert!(
        matches!(event(&entries[4]), Event::Reacted { target, reactions }
        if target.get() == 2 && reactions.len() == 2)
    );
    assert!(matches!(event(&entries[6]), Event::Deleted { target } if target.get() == 3));
    assert!(
        matches!(event(&entries[7]), Event::Pinned { target, pinned: true } if target.get() == 6)
    );
    assert!(message(&entries[5]).details.as_ref().unwrap().pinned);
    assert_eq!(messages(&store, &tea).await.len(), 4);
    store.close().await;
}

pub(crate) async fn an_event_is_read_as_its_message_is_now(db: Db) {
    let store = db.open().await;
    let alice = store.user("alice").await.unwrap();
    let tea = room(&store, "tea").await;
    append(&store, &[draft(&tea, alice, "first")]).await;
    for operation in [
        edit(1, "second"),
        react(1, "👍", Giving::Given),
        pin(1, true),
        edit(1, "third"),
    ] {
        append(&store, &[about(&tea, alice, operation)]).await;
    }
    let text = |entry: &Entry| entry.text().to_owned();
    let entries = all(&store, &tea).await;
    assert_eq!(text(&entries[1]), "third");
    assert_eq!(text(&entries[4]), "third");
    append(&store, &[about(&tea, alice, delete(1))]).await;
    let entries = all(&store, &tea).await;
    for entry in &entries {
        assert_eq!(text(entry), "", "nothing of it is left in {entry:?}");
    }
    assert!(matches!(event(&entries[2]), Event::Reacted { reactions, .. } if reactions.is_empty()));
    assert!(matches!(
        event(&entries[3]),
        Event::Pinned { pinned: false, .. }
    ));
    for operation in [
        edit(1, "again"),
        delete(1),
        react(1, "👍", Giving::Given),
        pin(1, true),
        edit(2, "an event"),
        edit(7, "nothing"),
        edit(0, "before all"),
    ] {
        let answer = store.append(&[about(&tea, alice, operation.clone())]).await;
        let refused = [Err(Rejected::NoSuchMessage)];
        assert_eq!(answer.unwrap(), refused, "{operation:?}");
    }
    assert_eq!(db.number("SELECT count(*) FROM reactions").await, 0);
    assert_eq!(db.number("SELECT last_seq FROM rooms").await, 6);
    assert_eq!(db.number("SELECT last_number FROM rooms").await, 1);
    let texts = db.texts("SELECT content FROM messages WHERE content <> ''");
    assert_eq!(texts.await, [""; 0]);
    store.close().await;
}

pub(crate) async fn a_reaction_is_given_once_and_taken_back(db: Db) {
    let store = db.open().await;
    let tea = room(&store, "tea").await;
    let mut people = Vec::new();
    for n in 0..30 {
        people.push(store.user(&format!("user-{n:02}")).await.unwrap());
    }
    append(&store, &[draft(&tea, people[0], "well?")]).await;
    let all_give: Vec<_> = people
        .iter()
        .map(|user| about(&tea, *user, react(1, "👍", Giving::Given)))
        .collect();
    let told = append(&store, &all_give).await;
    assert!(
        told.iter().all(|told| told.seq.get() == 2),
        "one entry for all"
    );
    append(&store, &all_give[..1]).await;
    let found = store.reactions(&tea, &[Seq::FIRST]).await.unwrap();
    let (emoji, reaction) = &found[&Seq::FIRST][0];
    assert_eq!((&**emoji, reaction.count), ("👍", 30));
    assert_eq!(reaction.users.len(), 20, "the first are named");
    let take = about(&tea, people[0], react(1, "👍", Giving::TakenBack));
    append(&store, &[take]).await;
    let found = store.reactions(&tea, &[Seq::FIRST]).await.unwrap();
    assert_eq!(found[&Seq::FIRST][0].1.count, 29);
    let lone = &found[&Seq::FIRST][0].1.users;
    assert!(lone.iter().all(|user| &**user != "user-00"), "{lone:?}");
    store.close().await;
}

pub(crate) async fn what_the_version_before_inserts_is_numbered(db: Db) {
    let store = db.open().await;
    let alice = store.user("alice").await.unwrap();
    let tea = room(&store, "tea").await;
    append(&store, &[draft(&tea, alice, "one")]).await;
    append(&store, &[about(&tea, alice, edit(1, "uno"))]).await;
    let (room, user) = (tea.key.id, alice.id);
    db.sql(&format!(
        "UPDATE rooms SET last_seq = last_seq + 2 WHERE id = {room}"
    ))
    .await;
    db.sql(&format!(
        "INSERT INTO messages (room_id, seq, user_id, content)
         VALUES ({room}, 3, {user}, 'two'), ({room}, 4, {user}, 'three')"
    ))
    .await;
    append(&store, &[draft(&tea, alice, "four")]).await;
    let numbers: Vec<_> = all(&store, &tea)
        .await
        .iter()
        .map(|e| (e.text().to_owned(), e.number.get()))
        .collect();
    let wanted = [
        ("uno", 1),
        ("uno", 1),
        ("two", 2),
        ("three", 3),
        ("four", 4),
    ];
    assert_eq!(numbers, wanted.map(|(text, n)| (text.to_owned(), n)));
    store.close().await;
}

pub(crate) async fn the_newest_messages_come_with_what_was_done_since(db: Db) {
    let store = db.open().await;
    let alice = store.user("alice").await.unwrap();
    let tea = room(&store, "tea").await;
    let texts: Vec<_> = (1..=6)
        .map(|n| draft(&tea, alice, &n.to_string()))
        .collect();
    append(&store, &texts).await;
    for n in 0..5 {
        append(&store, &[about(&tea, alice, edit(1, &format!("1.{n}")))]).await;
    }
    append(&store, &[draft(&tea, alice, "7")]).await;
    let seqs = |entries: Vec<Entry>| entries.iter().map(|e| e.seq.get()).collect::<Vec<_>>();
    let newest = store.read(&tea, Part::Newest, 3).await.unwrap();
    assert_eq!(seqs(newest), [5, 6, 7, 8, 9, 10, 11, 12]);
    let newest = store.read(&tea, Part::Newest, 100).await.unwrap();
    assert_eq!(newest.len(), 12);
    let before = store.read(&tea, Part::Before(Some(Seq::new(12))), 2).await;
    assert_eq!(seqs(before.unwrap()), [5, 6], "a page is of messages");
    let since = store.read(&tea, Part::Since(Seq::new(5)), 2).await.unwrap();
    assert_eq!(seqs(since), [6, 12]);
    let span = store.span(tea.key, None, 3).await.unwrap().unwrap();
    assert_eq!((span.first.get(), span.last.get(), span.count), (5, 12, 3));
    assert!(span.more);
    store.close().await;
}
