//! Finding what was said.
use std::sync::Arc;

use chrono::Utc;
use discordctl::clock::SystemClock;
use discordctl::index::Query;
use discordctl::model::{MessageId, RoomRef, Seq, UserKey};
use discordctl::search::{Found, Searcher};
use discordctl::store::{Draft, Operation, Store};

use super::log::{append, draft, room};
use crate::support::db::Db;

pub(super) fn searcher(store: &Arc<dyn Store>) -> Searcher {
    let clock = Arc::new(SystemClock);
    Searcher::new(store.clone(), clock, Arc::default(), true)
}

#[allow(
    clippy::disallowed_methods,
    reason = "queries are of the day on which they are made"
)]
pub(super) fn query(typed: &str) -> Query {
    Query::parse(typed, Utc::now()).unwrap_or_else(|e| panic!("{typed}: {e}"))
}

pub(super) async fn find(searcher: &Searcher, typed: &str, rooms: &[RoomRef]) -> Found {
    let found = searcher.find(&query(typed), rooms, None, 100).await;
    found.unwrap_or_else(|e| panic!("{typed}: {e}"))
}

pub(super) fn texts(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.entry.text()).collect()
}

fn change(room: &RoomRef, user: UserKey, operation: Operation) -> Draft {
    Draft {
        operation,
        ..draft(room, user, "")
    }
}

pub(super) fn edit(room: &RoomRef, user: UserKey, target: i64, content: &str) -> Draft {
    let operation = Operation::Edit {
        target: Seq::new(target),
        content: content.into(),
    };
    change(room, user, operation)
}

pub(crate) async fn what_was_said_is_found_where_one_may_read(db: Db) {
    let store = db.open().await;
    let (anna, ben) = (
        store.user("anna").await.unwrap(),
        store.user("ben").await.unwrap(),
    );
    let (tea, den) = (room(&store, "tea").await, room(&store, "den").await);
    append(
        &store,
        &[
            draft(&tea, anna, "Green tea is ready"),
            draft(&den, ben, "no tea here"),
            draft(&tea, ben, "call getUserById on 127.0.0.1"),
            draft(&tea, anna, "\u{8a2d}\u{5b9a}\u{3092}\u{5909}\u{66f4}"),
        ],
    )
    .await;
    let searcher = searcher(&store);
    let both = [tea.clone(), den.clone()];
    let found = find(&searcher, "tea", &both).await;
    assert_eq!(texts(&found), ["no tea here", "Green tea is ready"]);
    assert!(found.complete && found.next.is_none());
    assert_eq!(found.hits[1].ranges.first(), Some(&(6..9)));
    assert_eq!(found.hits[0].room, den);
    let mine = find(&searcher, "tea", std::slice::from_ref(&tea)).await;
    assert_eq!(texts(&mine), ["Green tea is ready"]);
    for (typed, seq) in [("user", 2), ("127.0.0.1", 2), ("\u{5b9a}\u{3092}", 3)] {
        let found = find(&searcher, typed, &both).await;
        assert_eq!(found.hits.len(), 1, "{typed}");
        assert_eq!(found.hits[0].entry.seq, Seq::new(seq), "{typed}");
    }
    append(&store, &[edit(&tea, anna, 1, "Black coffee is ready")]).await;
    assert!(find(&searcher, "green", &both).await.hits.is_empty());
    let found = find(&searcher, "coffee", &both).await;
    assert_eq!(texts(&found), ["Black coffee is ready"]);
}

pub(crate) async fn filters_hold_and_pages_go_on(db: Db) {
    let store = db.open().await;
    let (anna, ben) = (
        store.user("anna").await.unwrap(),
        store.user("ben").await.unwrap(),
    );
    let tea = room(&store, "tea").await;
    let said: Vec<Draft> = (0..1_300)
        .map(|n| {
            draft(
                &tea,
                if n % 3 == 0 { ben } else { anna },
                &format!("cup {n}"),
            )
        })
        .collect();
    append(&store, &said).await;
    let searcher = searcher(&store);
    let rooms = [tea.clone()];
    let bens = query("cup from:BEN");
    let (mut before, mut seen): (Option<MessageId>, Vec<i64>) = (None, Vec::new());
    loop {
        let page = searcher.find(&bens, &rooms, before, 50);
        let page = page.await.unwrap();
        assert!(page.hits.iter().all(|hit| &*hit.entry.user == "ben"));
        seen.extend(page.hits.iter().map(|hit| hit.entry.seq.get()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let wanted: Vec<i64> = (0..1_300)
        .rev()
        .filter(|n| n % 3 == 0)
        .map(|n| n + 1)
        .collect();
    assert_eq!(seen, wanted);
    assert!(
        find(&searcher, "cup before:2020-01-01", &rooms)
            .await
            .hits
            .is_empty()
    );
    let found = find(&searcher, "cup -from:ben -\"cup 1\" 12*", &rooms).await;
    assert!(found.hits.iter().all(|hit| &*hit.entry.user == "anna"));
}
