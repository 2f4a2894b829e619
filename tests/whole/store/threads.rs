//! Replies in threads: counted, and marked for their authors, in the commit that stores them.
use discordctl::model::{Gone, InstanceId, MessageKind, RoomRef, Seq, UserKey};
use discordctl::store::{Draft, Interest, Mark, Operation, Part, Stance, Thread};

use super::log::{append, draft, room};
use crate::support::db::Db;

fn reply(room: &RoomRef, user: UserKey, root: i64, text: &str) -> Draft {
    Draft {
        operation: Operation::Say {
            content: text.into(),
            kind: MessageKind::Text,
            thread: Some(Seq::new(root)),
            reply_to: None,
            mentions: None,
        },
        ..draft(room, user, "")
    }
}

/// The root, how many replies there are, how many of them are unread, where the last is, and who replied.
fn looks(thread: &Thread) -> (i64, i64, i64, i64, Vec<&str>) {
    let people = thread.people.iter().map(String::as_str).collect();
    let (root, last) = (thread.root.get(), thread.last_seq.get());
    (root, thread.replies, thread.unread, last, people)
}

pub(crate) async fn replies_are_counted_and_read_by_their_authors(db: Db) {
    let store = db.open().await;
    let alice = store.user("alice").await.unwrap();
    let bob = store.user("bob").await.unwrap();
    let guest = store.user("gus").await.unwrap();
    db.sql("UPDATE users SET registered_at = created_at WHERE nickname <> 'gus'")
        .await;
    let tea = room(&store, "tea").await;
    append(
        &store,
        &[draft(&tea, alice, "one"), draft(&tea, guest, "two")],
    )
    .await;
    // In one batch: 3 and 6 to the first, 4 to the second, beside what is in no thread.
    let batch = [
        reply(&tea, bob, 1, "three"),
        reply(&tea, guest, 2, "four"),
        draft(&tea, guest, "five"),
        reply(&tea, alice, 1, "six"),
    ];
    append(&store, &batch).await;
    append(&store, &[reply(&tea, guest, 1, "seven")]).await;
    let list = async |reader| store.threads(&tea, reader, None, 10).await.unwrap();
    let none: Vec<&str> = Vec::new();
    let of_alice = list(Some(alice)).await;
    let wanted = [
        (1, 3, 1, 7, vec!["alice", "bob"]),
        (2, 1, 1, 4, none.clone()),
    ];
    assert_eq!(of_alice.iter().map(looks).collect::<Vec<_>>(), wanted);
    let first = of_alice[0].message.as_ref().expect("the first message");
    assert_eq!((first.text(), &*first.user), ("one", "alice"));
    let interests = of_alice.iter().map(|thread| thread.interest);
    let wanted = [Interest::Follows, Interest::None];
    assert_eq!(interests.collect::<Vec<_>>(), wanted);
    // Bob had not read what came after his own reply, in the same batch or later.
    assert_eq!(list(Some(bob)).await[0].unread, 2);
    assert_eq!(list(None).await[0].replies, 3);

    let before = store.threads(&tea, None, Some(Seq::new(7)), 10).await;
    assert_eq!(before.unwrap()[0].root, Seq::new(2));
    let page = Part::Replies(Seq::new(1), Some(Seq::new(7)));
    let page = store.read(&tea, page, 1).await.unwrap();
    assert_eq!(page[0].text(), "six");
    let all = store.read(&tea, Part::Replies(Seq::new(1), None), 9).await;
    let all = all.unwrap();
    let texts: Vec<_> = all.iter().map(|entry| entry.text()).collect();
    assert_eq!(texts, ["three", "six", "seven"]);

    // What is read goes on and never back, whatever of rooms is marked in the same batch.
    let mark = |user, thread: Option<i64>, seq| Mark {
        user,
        room: tea.key,
        thread: thread.map(Seq::new),
        seq: Seq::new(seq),
    };
    for (to, unread, moves) in [(6, 1, 2), (3, 1, 0), (7, 0, 2), (99, 0, 0)] {
        let batch = [mark(bob, None, to.min(7)), mark(bob, Some(1), to)];
        let moved = store.mark_read(&batch, InstanceId::new(1)).await.unwrap();
        assert_eq!(moved.len(), moves, "{to}: {moved:?}");
        let of_thread = moved
            .iter()
            .filter(|moved| moved.thread == Some(Seq::new(1)));
        assert!(of_thread.into_iter().all(|moved| moved.seq == Seq::new(to)));
        assert_eq!(list(Some(bob)).await[0].unread, unread, "up to {to}");
    }
    let nothing = [mark(bob, Some(5), 7), mark(guest, Some(1), 7)];
    let moved = store.mark_read(&nothing, InstanceId::new(1)).await.unwrap();
    assert_eq!(moved, [], "a message without replies, and a guest");

    // A reply that is deleted counts no more, and what comes after is unread none the less.
    let delete = Operation::Delete {
        target: Seq::new(3),
        why: Gone::Author,
    };
    let delete = Draft {
        operation: delete,
        ..draft(&tea, bob, "")
    };
    append(&store, &[delete]).await;
    assert_eq!(list(None).await[0].replies, 2);
    assert_eq!(list(Some(bob)).await[0].unread, 0);
    append(&store, &[reply(&tea, guest, 1, "nine")]).await;
    let of_bob = &list(Some(bob)).await[0];
    assert_eq!((of_bob.replies, of_bob.unread), (3, 1));
}

pub(crate) async fn an_account_follows_a_thread_or_mutes_it(db: Db) {
    let store = db.open().await;
    let alice = store.user("alice").await.unwrap();
    let guest = store.user("gus").await.unwrap();
    db.sql("UPDATE users SET registered_at = created_at WHERE nickname <> 'gus'")
        .await;
    let tea = room(&store, "tea").await;
    append(
        &store,
        &[draft(&tea, guest, "one"), draft(&tea, guest, "two")],
    )
    .await;
    append(&store, &[reply(&tea, guest, 1, "three")]).await;
    let one = Seq::new(1);
    let stands = async |user, stance| {
        let stands = store.stand_to_thread(user, tea.key, one, stance);
        stands.await.unwrap()
    };
    let unread = async || {
        let thread = store.thread(&tea, Some(alice), one).await.unwrap();
        let thread = thread.expect("a thread");
        (thread.interest, thread.unread)
    };
    use Interest::{Follows, Muted, None};
    assert_eq!(unread().await, (None, 1));
    for (stance, now, left) in [
        (Stance::Takes(Follows), Follows, 1),
        (Stance::Leaves(Muted), Follows, 1),
        (Stance::Takes(Muted), Muted, 0),
        (Stance::Leaves(Follows), Muted, 0),
        (Stance::Leaves(Muted), None, 1),
        (Stance::Takes(Muted), Muted, 0),
    ] {
        assert_eq!(stands(alice, stance).await, now, "{stance:?}");
        assert_eq!(unread().await, (now, left), "{stance:?}");
    }
    append(&store, &[reply(&tea, alice, 1, "four")]).await;
    assert_eq!(unread().await, (Muted, 0), "to reply does not unmute");
    assert_eq!(stands(guest, Stance::Takes(Follows)).await, None);
    // One may stand to a message's thread before it has replies.
    let second = store.stand_to_thread(alice, tea.key, Seq::new(2), Stance::Takes(Muted));
    assert_eq!(second.await.unwrap(), Muted);
    append(&store, &[reply(&tea, alice, 2, "five")]).await;
    let list = store
        .threads(&tea, Some(alice), Option::None, 10)
        .await
        .unwrap();
    let muted = |thread: &Thread| (thread.root.get(), thread.interest);
    let list: Vec<_> = list.iter().map(muted).collect();
    assert_eq!(list, [(2, Muted), (1, Muted)]);
}
