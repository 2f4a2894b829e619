//! Instances that read their configuration again while people are there.
use std::fs;

use discordctl::client;
use http::Request;
use serde_json::json;

use super::folder::Folder;
use crate::support::http::{connect, post};
use crate::support::{DEADLINE, Ran};

/// The keys of the one instance's row.
fn keys(ran: &Ran, row: &str) -> String {
    ran.each(row)[0].to_string()
}

async fn say(folder: &Folder, session: &str, text: &str) -> u16 {
    let message = json!({ "session_id": session, "room": "general", "content": text });
    let answer = post(folder.instances[0].http, "/api/message", message).await;
    answer.expect("it answers").status
}

/// The status of the answer under that name.
async fn called(folder: &Folder, host: &str) -> u16 {
    let request = Request::get("/livez").header("host", host);
    let address = folder.instances[0].http;
    let answer = client::send(address, request, String::new(), DEADLINE).await;
    answer.expect("it answers").status
}

#[tokio::test]
async fn what_can_change_does_for_those_who_are_there_and_the_rest_is_named() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    let session = connect(folder.instances[0].http, "alice").await;
    assert_eq!(say(&folder, &session, "hello").await, 200);
    assert_eq!(called(&folder, "chat.example").await, 421);
    folder.configure(
        1,
        &json!({
            "limits": { "messages_per_minute": 0, "requests_per_minute": 0, "message_chars": 4 },
            "http": { "hosts": ["chat.example"] },
            "db_pool": { "max": 3 },
        }),
    );
    let reloaded = folder.run("reload").await.exits(0);
    assert_eq!(
        keys(&reloaded, "changed"),
        r#"["http.hosts","limits.message_chars"]"#
    );
    assert_eq!(keys(&reloaded, "waiting"), r#"["db_pool.max"]"#);
    assert_eq!(say(&folder, &session, "hello").await, 413);
    assert_eq!(say(&folder, &session, "hell").await, 200);
    assert_eq!(called(&folder, "chat.example").await, 200);
    // Commands see what holds, and what waits is named as long as it does.
    let record = folder.identity(1).settings.expect("they are recorded");
    assert_eq!(record["limits"]["message_chars"], 4);
    assert_eq!(record["db_pool"]["max"], 10);
    let again = folder.run("reload instance-1").await.exits(0);
    assert_eq!(keys(&again, "changed"), "[]");
    assert_eq!(keys(&again, "waiting"), r#"["db_pool.max"]"#);
    folder.run("restart").await.exits(0);
    let after = folder.run("reload").await.exits(0);
    assert_eq!(keys(&after, "waiting"), "[]");
    assert_eq!(say(&folder, &session, "hello").await, 413);
}

#[tokio::test]
async fn a_wrong_configuration_changes_nothing_and_is_told() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let session = connect(folder.instances[0].http, "alice").await;
    let wrong = json!({ "limits": { "message_chars": 4, "burst": 0 } });
    folder.configure(1, &wrong);
    let reloaded = folder.run("reload").await.exits(78);
    let told = keys(&reloaded, "error");
    for part in ["instance1.json", "limits.burst", "found 0", "nothing was"] {
        assert!(told.contains(part), "no '{part}': {told}");
    }
    // The other one had nothing to change, and says so.
    assert_eq!(reloaded.each("changed")[1], json!([]));
    assert_eq!(say(&folder, &session, "hello").await, 200);
    let alone = folder.run("reload instance-1").await.exits(78);
    assert_eq!(alone.problem()["code"], "config-invalid");
    fs::remove_file(folder.path("config/instance1.json")).expect("removed");
    let gone = folder.run("reload instance-1").await.exits(66);
    assert_eq!(gone.problem()["code"], "config-unreadable");
    assert_eq!(say(&folder, &session, "hello").await, 200);
}
