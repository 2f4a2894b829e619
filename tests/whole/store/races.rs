//! Changes of messages beside what else changes their rows, on a server where several write at once.
use std::sync::Arc;

use discordctl::model::{Gone, RoomRef, Seq, UserKey};
use discordctl::store::history::{self, Erasing};
use discordctl::store::{Draft, Giving, Operation, Rejected, Store};
use tokio::task::JoinHandle;

use super::log::{append, draft, room};
use crate::support::db::{Db, connect};
use crate::support::postgres::run;
use crate::support::until;

fn edit(target: Seq) -> Operation {
    Operation::Edit {
        target,
        content: "another text".into(),
    }
}

fn delete(target: Seq) -> Operation {
    Operation::Delete {
        target,
        why: Gone::Author,
    }
}

fn react(target: Seq) -> Operation {
    Operation::React {
        target,
        emoji: "👍".into(),
        reaction: Giving::Given,
    }
}

fn about(room: &RoomRef, user: UserKey, operation: Operation) -> Draft {
    Draft {
        operation,
        ..draft(room, user, "")
    }
}

type Answer = Result<i64, Rejected>;

/// Commits it beside the test.
fn commit(store: &Arc<dyn Store>, change: Draft) -> JoinHandle<Answer> {
    let store = store.clone();
    tokio::spawn(async move {
        let answers = store.append(&[change]).await.expect("the store answers");
        answers[0].clone().map(|stored| stored.seq.get())
    })
}

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

pub(crate) async fn what_is_done_to_a_deleted_message_is_refused_however_close_it_comes(db: Db) {
    let (one, two, three) = (db.open().await, db.open().await, db.open().await);
    let alice = one.user("alice").await.expect("a user");
    let tea = room(&one, "tea").await;
    for round in 0..4 {
        let said = append(&one, &[draft(&tea, alice, "a text")]).await;
        let target = said[0].seq;
        // All have begun before the first of them is over.
        let mut holder = connect(&db.url).await;
        run(&mut holder, "BEGIN; SELECT FROM rooms FOR UPDATE").await;
        let changes = [delete(target), edit(target), react(target)];
        let stores = [&one, &two, &three];
        let mut begun = Vec::new();
        for (n, store) in stores.into_iter().enumerate() {
            let change = changes[(n + round) % 3].clone();
            begun.push(commit(store, about(&tea, alice, change)));
            let waiting = n as i64 + 1;
            until!("it waits", db.number(WAITING).await == waiting);
        }
        run(&mut holder, "COMMIT").await;
        for change in begun {
            let answer = change.await.expect("it ends");
            assert!(matches!(answer, Ok(_) | Err(Rejected::NoSuchMessage)));
        }
    }
    let after = "SELECT count(*) FROM messages e JOIN messages d
           ON d.room_id = e.room_id AND d.target = e.target AND d.kind = 11
         WHERE e.kind > 9 AND e.seq > d.seq";
    assert_eq!(db.number(after).await, 0, "events about what was gone");
    let deleted = "SELECT count(*) FROM messages WHERE gone = 1 AND content = ''";
    assert_eq!(db.number(deleted).await, 4);
}

pub(crate) async fn a_change_that_waits_for_its_message_holds_no_room(db: Db) {
    let store = db.open().await;
    let alice = store.user("alice").await.expect("a user");
    let tea = room(&store, "tea").await;
    let said: Vec<Draft> = (0..20).map(|_| draft(&tea, alice, "a text")).collect();
    append(&store, &said).await;
    append(&store, &[about(&tea, alice, react(Seq::new(3)))]).await;
    // Retention has taken the rows, and is about to take what goes with them.
    let mut holder = connect(&db.url).await;
    run(&mut holder, "BEGIN; SELECT FROM reactions FOR UPDATE").await;
    let (url, id) = (db.url.clone(), tea.key.id);
    let retention = tokio::spawn(async move {
        let mut history = history::open(&url, "test").await.expect("opens");
        history.delete(id, Seq::new(10), 100).await
    });
    until!("it waits", db.number(WAITING).await == 1);
    let change = commit(&store, about(&tea, alice, edit(Seq::new(2))));
    until!("both wait", db.number(WAITING).await == 2);
    let free = "WITH free AS (SELECT 1 FROM rooms WHERE name = 'tea' FOR UPDATE SKIP LOCKED)
         SELECT count(*) FROM free";
    assert_eq!(db.number(free).await, 1, "the room is free");
    run(&mut holder, "COMMIT").await;
    let deleted = retention.await.expect("it ends").expect("works");
    assert_eq!(deleted, 10);
    let answer = change.await.expect("it ends");
    assert_eq!(
        answer,
        Err(Rejected::NoSuchMessage),
        "it is deleted by then"
    );
}

pub(crate) async fn changes_retention_and_erasure_at_once_all_come_to_an_end(db: Db) {
    const ROUNDS: i64 = 60;
    // Where an erasure and a change wait for each other, PostgreSQL is to find out soon.
    let soon = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = 20',
        current_database()); END $$";
    db.sql(soon).await;
    let stores = [db.open().await, db.open().await];
    let alice = stores[0].user("alice").await.expect("a user");
    let tea = room(&stores[0], "tea").await;
    let first: Vec<Draft> = (0..40).map(|_| draft(&tea, alice, "a text")).collect();
    append(&stores[0], &first).await;
    let change = async |store: &Arc<dyn Store>, turn: i64| {
        for round in 0..ROUNDS {
            let target = Seq::new(1 + (round * 7 + turn) % 50);
            let changes = [edit(target), react(target), delete(target)];
            let batch = [
                draft(&tea, alice, "a text"),
                about(&tea, alice, changes[(round % 3) as usize].clone()),
            ];
            store.append(&batch).await.expect("it is committed");
        }
    };
    let retention = async {
        let mut history = history::open(&db.url, "test").await.expect("opens");
        for round in 0..ROUNDS {
            let up_to = Seq::new(round);
            let deleted = history.delete(tea.key.id, up_to, 3).await;
            deleted.expect("it is deleted");
        }
    };
    let erasure = async {
        let mut history = history::open(&db.url, "test").await.expect("opens");
        for round in 0..ROUNDS {
            let what = Erasing {
                room: tea.key.id,
                from: Seq::new(round),
                to: Seq::new(round + 10),
                by: None,
                until: "2100-01-01T00:00:00Z".parse().expect("a time"),
            };
            let erased = history.erase(&what, Seq::START).await;
            erased.expect("it is erased");
        }
    };
    tokio::join!(
        change(&stores[0], 0),
        change(&stores[1], 3),
        retention,
        erasure
    );
    let holes = "SELECT count(*) FROM rooms WHERE last_seq <> (SELECT max(seq) FROM messages)";
    assert_eq!(db.number(holes).await, 0);
}
