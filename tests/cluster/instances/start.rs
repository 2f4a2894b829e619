//! What starts, what does not, and what runs already.
use serde_json::{Value, json};

use super::folder::Folder;
use crate::support::eventually;
use crate::support::process::free_port;

#[tokio::test]
async fn instances_are_started_once_and_stopped_once() {
    let folder = Folder::embedded(2);
    let status = folder.run("status").await.exits(3);
    assert_eq!(status.each("state"), ["stopped", "stopped"]);
    folder.run("stop").await.exits(0);

    let started = folder.run("start").await.exits(0);
    assert_eq!(started.each("result"), ["started", "started"]);
    let pids = folder.pids();
    assert_eq!(started.each("pid"), [json!(pids[0]), json!(pids[1])]);
    let again = folder.run("start").await.exits(0);
    assert_eq!(again.each("result"), ["already running", "already running"]);
    assert_eq!(folder.pids(), pids);

    let status = folder.run("status").await.exits(0);
    assert_eq!(status.each("state"), ["running", "running"]);
    assert_eq!(status.each("pid"), [json!(pids[0]), json!(pids[1])]);
    assert_eq!(status.each("lag"), [json!(0), json!(0)]);
    assert_eq!(status.each("clients"), [json!(0), json!(0)]);

    let one = folder.run("stop instance-2").await.exits(0);
    assert_eq!(one.each("result"), ["stopped"]);
    let status = folder.run("status").await.exits(3);
    assert_eq!(status.each("state"), ["running", "stopped"]);
    let rest = folder.run("stop").await.exits(0);
    assert_eq!(rest.each("result"), ["stopped", "not running"]);
    assert!(!folder.files(1).identity.exists());
    let unknown = folder.run("start instance-9").await.exits(66);
    unknown.says("no_such_instance");
}

#[tokio::test]
async fn one_may_be_stopped_while_another_is_ready_for_its_clients() {
    let folder = Folder::embedded(2);
    folder.run("start").await.exits(0);
    let asked = |name: &str, exit: i32| {
        let line = format!("status --can-stop {name}");
        let folder = &folder;
        async move { folder.run(&line).await.exits(exit).json() }
    };
    let says = |answer: &Value, part: &str| {
        assert!(
            answer["why"].as_str().is_some_and(|why| why.contains(part)),
            "{answer}"
        );
    };
    let yes = asked("instance-1", 0).await;
    assert_eq!(yes["can_stop"], true);
    says(&yes, "instance-2 is ready");
    folder.run("drain instance-2").await.exits(0);
    says(&asked("instance-1", 1).await, "no other instance is ready");
    says(&asked("instance-2", 0).await, "is draining, and instance-1");
    folder.run("undrain instance-2").await.exits(0);
    let roll = folder.files(1).run.join("roll.json");
    std::fs::write(&roll, "{}").expect("written");
    says(&asked("instance-1", 1).await, "restart --resume");
    std::fs::remove_file(&roll).expect("removed");
    // Two clients, and two places, of which one is taken by the question.
    let connect = || std::net::TcpStream::connect(folder.instances[0].tcp).expect("connected");
    let _clients = [connect(), connect()];
    folder.configure(2, &json!({ "limits": { "connections": 2 } }));
    folder.run("reload instance-2").await.exits(0);
    // The connection of the question before may still be open, and counted.
    eventually("both are counted, and the places", || async {
        let answer = folder.run("status --can-stop instance-1").await;
        let (code, answer) = (answer.code, answer.json());
        let why = answer["why"].as_str().unwrap_or_default();
        code == Some(1) && answer["clients"] == 2 && why.contains("1 free places")
    })
    .await;
    folder.run("stop instance-2").await.exits(0);
    says(&asked("instance-1", 1).await, "no other instance is ready");
    says(&asked("instance-2", 0).await, "does not run");
    let unknown = folder.run("status --can-stop instance-9").await.exits(66);
    unknown.says("no_such_instance");
}

#[tokio::test]
async fn one_that_cannot_start_stops_the_rest_and_says_why() {
    let folder = Folder::embedded(3);
    let nowhere = format!(
        "postgresql://x:secret@127.0.0.1:{}/x",
        folder.instances[2].tcp.port()
    );
    folder.configure(2, &json!({ "db_url": nowhere, "db_wait": "200ms" }));
    let started = folder.run("start").await.exits(69);
    assert_eq!(started.each("result"), ["started", "failed", "not tried"]);
    let problem = started.problem();
    let why = problem["detail"].as_str().expect("why");
    assert!(why.contains("exit code 69"), "{why}");
    assert!(why.contains("cannot open the database"), "{why}");
    assert!(!why.contains("secret"), "{why}");
    assert!(!folder.files(2).identity.exists(), "nothing is left of it");
}

#[tokio::test]
async fn a_second_one_of_the_same_name_is_refused() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    let pid = folder.pids()[0];
    let second = folder.run("serve --config config/instance1.json").await;
    second.exits(75).says(&format!("as pid {pid}"));
    assert_eq!(folder.pids(), [pid]);
}

#[tokio::test]
async fn one_that_waits_for_its_database_is_starting() {
    let folder = Folder::embedded(1);
    let nowhere = format!("postgresql://127.0.0.1:{}/x", free_port());
    folder.configure(1, &json!({ "db_url": nowhere, "db_wait": "10m" }));
    let slow = folder.run("start --within 10s").await.exits(75);
    slow.says("is alive, and not ready")
        .says("waits for its database");
    let status = folder.run("status").await.exits(0);
    assert_eq!(status.each("state"), ["starting"]);
    let note = status.each("note").remove(0);
    let note = note.as_str().expect("a note").to_owned();
    assert!(note.starts_with("it waits for its database"), "{note}");
    let stopped = folder.run("stop").await.exits(0);
    assert_eq!(stopped.each("result"), ["stopped"]);
}

#[tokio::test]
async fn one_that_hangs_at_its_stop_is_killed_only_by_force() {
    let folder = Folder::with(
        1,
        &json!({ "drain": { "spread": "0ms", "deadline": "1s" } }),
    );
    folder.run("start").await.exits(0);
    let pid = folder.pids()[0];
    let handle = discordctl::process::Handle::open(pid).expect("ours");
    let handle = handle.expect("it runs");
    handle.signal(rustix::process::Signal::STOP).expect("ours");
    let asked = folder.run("stop --force").await.exits(64);
    asked.says("--yes");
    let late = folder.run("stop").await.exits(75);
    late.says("still there");
    assert!(!handle.has_ended().expect("ours"));
    let killed = folder.run("stop --force --yes").await.exits(0);
    assert_eq!(killed.each("result"), ["killed"]);
    assert!(handle.has_ended().expect("ours"));
    assert!(!folder.files(1).identity.exists());
}
