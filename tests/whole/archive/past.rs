//! One past: what left the database is read from the archive as if it had not.
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use discordctl::client::{Buffer, Event, Events};
use discordctl::config::Config;
use discordctl::model::Seq;
use serde_json::Value;

use super::operator::Operator;
use crate::support::db::Db;
use crate::support::server::{Local, start};
use crate::support::{DEADLINE, http};

const LAST: i64 = 2_000;
/// What is looked for: of many messages the newest, one, and none.
const QUERIES: [&str; 8] = [
    "number",
    "number%201234",
    "%22in%20general%22%20from:alice",
    "123*",
    "number%20-all%20before:2024-02-01",
    "is:thread%20%C3%A9",
    "is:pinned",
    "from:carol",
];

async fn varied(db: Db) -> Operator {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], LAST).await;
    operator.vary().await;
    // As a message that calls people does, and one that was deleted does no more.
    let calling =
        "DELETE FROM mentions WHERE message_id IN (SELECT id FROM messages WHERE gone IS NOT NULL);
        UPDATE messages SET thread = NULL WHERE gone IS NOT NULL;
        UPDATE threads SET replies = (SELECT count(*) FROM messages WHERE thread = 3 AND kind < 10);
        UPDATE messages SET content = content || ' @all' WHERE kind < 10 AND gone IS NULL
        AND EXISTS (SELECT 1 FROM mentions WHERE mentions.message_id = messages.id)";
    operator.db.sql(calling).await;
    operator
}

/// A server over the operator's database and archive.
async fn serve(operator: &Operator) -> Local {
    let archive = format!("file:{}", operator.path("archive").display());
    serve_at(operator, &archive).await
}

async fn serve_at(operator: &Operator, archive: &str) -> Local {
    start(|config: &mut Config| {
        config.db_url = operator.db.url.parse().expect("a URL");
        config.archive.url = archive.parse().expect("a URL");
    })
    .await
}

async fn get(server: &Local, path: &str) -> Value {
    let answer = http::request(server.http, "GET", path, None).await;
    let answer = answer.expect("it answers");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

/// What a stream gives from a place to the end, or to where it cannot go on: each event with its data.
async fn streamed(server: &Local, query: &str, last: i64) -> Vec<(String, Value)> {
    let path = format!("/api/messages/general?{query}");
    let opened = Events::open(server.http, &path, None, Buffer::Usual, DEADLINE);
    let mut events = opened.await.expect("a stream");
    let mut told = Vec::new();
    while let Some(event) = events.next().await.expect("an event") {
        let Event::Named { name, data, id } = event else {
            continue;
        };
        let at_end = id == Some(Seq::new(last));
        let data: Value = serde_json::from_str(&data).unwrap_or_default();
        told.push((name, data));
        if at_end
            || told
                .last()
                .is_some_and(|(_, data)| data["code"].is_string())
        {
            break;
        }
    }
    told
}

/// All that can be read of the room, by every way of reading.
async fn all(server: &Local) -> Vec<(String, Value)> {
    let (mut found, mut found_by) = (Vec::new(), Vec::new());
    let mut before = String::new();
    loop {
        let path = format!("/api/history/general?limit=50{before}");
        let page = get(server, &path).await;
        let oldest = page["messages"][0]["seq"].clone();
        let more = page["has_more"] == true;
        found.push((path, page));
        if !more {
            break;
        }
        before = format!("&before={oldest}");
    }
    let mut after = 0;
    loop {
        let path = format!("/api/history/general?limit=97&after={after}");
        let page = get(server, &path).await;
        let newest = page["messages"].as_array().and_then(|m| m.last()).cloned();
        after = newest.map_or(LAST, |m| m["seq"].as_i64().expect("a seq"));
        let more = page["has_more"] == true;
        found.push((path, page));
        if !more {
            break;
        }
    }
    for path in [
        "/api/history/general?around=7&limit=20",
        "/api/history/general?around=1000&limit=100",
        "/api/history/general?around=1989&limit=50",
        "/api/messages/general/3",
        "/api/messages/general/1234",
        "/api/threads/general/3?limit=100",
        "/api/threads/general/3?limit=100&before=900",
        "/api/threads/general/3?limit=10&after=500",
        "/api/pins/general",
        "/api/pins/general?before=700",
    ] {
        found.push((path.to_owned(), get(server, path).await));
    }
    for query in QUERIES {
        let path = format!("/api/search?limit=60&q={query}");
        let found = get(server, &path).await;
        assert_eq!(found["complete"], true, "{path}: {found}");
        let mut hits = found["hits"].clone();
        for hit in hits.as_array_mut().expect("a list") {
            // They are read after the message, and go with it.
            let message = hit["message"].as_object_mut().expect("a message");
            message.retain(|key, _| key != "mentions" && key != "reactions");
        }
        let hits = serde_json::json!({ "messages": hits });
        found_by.push((path, hits));
    }
    found.extend(found_by);
    for query in ["after=0", "after=1500", "history=700", "after=3&events=0"] {
        let told = streamed(server, query, LAST).await;
        let told = told
            .into_iter()
            .map(|(name, data)| serde_json::json!([name, data]));
        found.push((query.to_owned(), told.collect()));
    }
    found
}

/// The same, but for how a page was known to be true, which a restart may change.
fn assert_same(found: &[(String, Value)], expected: &[(String, Value)], when: &str) {
    assert_eq!(found.len(), expected.len(), "{when}: as many answers");
    for ((path, found), (expected_path, expected)) in found.iter().zip(expected) {
        assert_eq!(path, expected_path, "{when}");
        if found == expected {
            continue;
        }
        let list = |of: &Value| of["messages"].as_array().or(of.as_array()).cloned();
        let rest = |of: &Value| {
            let mut of = of.clone();
            of.as_object_mut().map(|of| of.remove("messages"));
            of
        };
        if found.is_object() {
            assert_eq!(rest(found), rest(expected), "{when}: {path}");
        }
        let (found, expected) = (
            list(found).unwrap_or_default(),
            list(expected).unwrap_or_default(),
        );
        let pairs = found.iter().zip(&expected);
        let differs = pairs.enumerate().find(|(_, (one, other))| one != other);
        panic!(
            "{when}: {path}: {} entries, not {}; {differs:#?}",
            found.len(),
            expected.len()
        );
    }
}

/// Everything beside documents is taken away, as where an older version wrote them.
fn forget_beside(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            forget_beside(&path);
        } else if name.ends_with(".places") || name.ends_with(".words") {
            std::fs::remove_file(path).expect("removed");
        }
    }
}

pub(crate) async fn the_past_is_read_the_same_wherever_it_is(db: Db) {
    let operator = varied(db).await;
    let before = serve(&operator).await;
    let expected = all(&before).await;
    assert!(expected.len() > 60, "{} answers", expected.len());
    // In both, as between the two ages of a configuration.
    operator
        .run("archive --older-than 0s --keep-rows")
        .await
        .well();
    assert_same(&all(&before).await, &expected, "archived and kept");
    operator.run("archive --older-than 0s").await.well();
    let left = operator.db.number("SELECT count(*) FROM messages").await;
    assert!(left < 20, "{left} rows left");
    assert_same(&all(&before).await, &expected, "archived");
    before.stop().await;

    forget_beside(&operator.path("archive"));
    let after = serve(&operator).await;
    assert_same(
        &all(&after).await,
        &expected,
        "without what lies beside documents",
    );
    // A part of it comes back, with holes before and after it.
    let document = operator.documents().await.remove(1).0;
    operator
        .run(&format!("replay archive/{document}"))
        .await
        .well();
    assert_same(&all(&after).await, &expected, "a document replayed");
    operator.run("replay archive").await.well();
    assert_same(&all(&after).await, &expected, "all replayed");
    after.stop().await;
}

pub(crate) async fn packed_documents_are_read_in_parts(db: Db) {
    let operator = varied(db).await;
    let server = serve(&operator).await;
    let expected = all(&server).await;
    operator.run("archive --older-than 0s --zstd").await.well();
    assert_same(&all(&server).await, &expected, "packed");
    let verified = operator.run("archive verify").await.well();
    assert_eq!(
        (&verified["damaged"], &verified["unlisted"]),
        (&0.into(), &0.into())
    );
    forget_beside(&operator.path("archive"));
    server.stop().await;
    let server = serve(&operator).await;
    assert_same(
        &all(&server).await,
        &expected,
        "packed, without what lies beside",
    );
    server.stop().await;
}

/// Readers page and stream while all that an operator has moves rows about.
pub(crate) async fn what_moves_meanwhile_is_neither_missed_nor_told_twice(db: Db) {
    let operator = varied(db).await;
    let server = serve(&operator).await;
    let expected = all(&server).await;
    let stop = Arc::new(AtomicBool::new(false));
    let reading = async {
        let mut rounds = 0;
        while !stop.load(Ordering::Relaxed) || rounds == 0 {
            assert_same(&all(&server).await, &expected, &format!("round {rounds}"));
            rounds += 1;
        }
    };
    let moving = async {
        for _ in 0..2 {
            operator.run("archive --older-than 0s").await.well();
            operator.run("replay archive").await.well();
            operator.run("cleanup --keep 15").await.well();
            operator.run("replay archive").await.well();
        }
        operator.run("archive --older-than 0s").await.well();
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(reading, moving);
    server.stop().await;
}

pub(crate) async fn what_was_erased_is_read_nowhere(db: Db) {
    let operator = varied(db).await;
    operator.run("archive --older-than 0s").await.well();
    let server = serve(&operator).await;
    let path = "/api/messages/general/1231";
    let before = get(&server, path).await;
    assert!(
        before["content"]
            .as_str()
            .is_some_and(|text| text.contains("1231")),
        "{before}"
    );
    operator
        .run("erase --room general --seq 1231 --yes")
        .await
        .well();
    let after = get(&server, path).await;
    assert_eq!(
        (&after["content"], &after["deleted"]),
        (&"".into(), &true.into()),
        "{after}"
    );
    let page = get(&server, "/api/history/general?around=1231&limit=5").await;
    assert!(!page.to_string().contains("1231 "), "{page}");
    server.stop().await;
}

/// It says so at once or within seconds, and chat goes on.
pub(crate) async fn an_archive_that_is_away_or_damaged_is_told(db: Db) {
    let operator = varied(db).await;
    operator.run("archive --older-than 0s").await.well();
    let server = serve(&operator).await;
    let archive = operator.path("archive");
    let document = archive.join(operator.documents().await.remove(0).0);
    let whole = std::fs::read(&document).expect("a document");
    let mut damaged = whole.clone();
    damaged[300] ^= 1;
    std::fs::write(&document, &damaged).expect("written");
    let old = "/api/history/general?before=50&limit=10";
    let refused = async |path: &str, code: &str| {
        let answer = http::request(server.http, "GET", path, None).await;
        let answer = answer.expect("it answers");
        assert_eq!((answer.status, answer.code()), (503, code), "{answer:?}");
        assert!(answer.head.contains_key("retry-after"), "{answer:?}");
        let told = answer.body.to_string();
        assert!(!told.contains(".json"), "no path of ours: {told}");
    };
    refused(old, "archive_damaged").await;
    let told = streamed(&server, "after=3", LAST).await;
    assert_eq!(
        told.last()
            .map(|(name, data)| (name.as_str(), &data["code"])),
        Some(("system", &"archive_damaged".into())),
        "{told:?}"
    );
    std::fs::write(&document, &whole).expect("written");
    get(&server, old).await;
    server.stop().await;

    // Where a folder should be there is a file: nothing in it can be reached.
    let wrong = operator.path("wrong");
    std::fs::write(&wrong, "no folder").expect("written");
    let server = serve_at(&operator, &format!("file:{}", wrong.display())).await;
    let refused = async |path: &str| {
        let answer = http::request(server.http, "GET", path, None).await;
        let answer = answer.expect("it answers");
        assert_eq!(
            (answer.status, answer.code()),
            (503, "archive_unreachable"),
            "{answer:?}"
        );
    };
    refused(old).await;
    refused("/api/messages/general/1234").await;
    refused("/api/threads/general/3").await;
    // What is newer goes on.
    let newest = get(&server, "/api/history/general?limit=5").await;
    assert_eq!(newest["messages"].as_array().map(Vec::len), Some(5));
    let told = streamed(&server, "history=10", LAST).await;
    assert!(
        told.iter().all(|(_, data)| data["code"].is_null()),
        "{told:?}"
    );
    let told = streamed(&server, "history=200", LAST).await;
    assert_eq!(told[0].1["code"], "archive_unreachable", "{told:?}");
    server.stop().await;
}
