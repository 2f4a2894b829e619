//! What is in an instance's place and is not it is named, and never signalled.
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::process::Command;

use discordctl::process::{Executable, Handle, Lock};
use rustix::process::Signal;
use serde_json::json;

use super::folder::Folder;
use crate::support::Ran;
use crate::support::process::{Ours, binary};

/// A process that has done nothing.
fn bystander() -> Ours {
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    Ours::spawn(sleep)
}

#[tokio::test]
async fn one_that_was_killed_is_dead_until_it_is_cleared_or_started() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    folder.kill(1).await;
    let status = folder.run("status").await.exits(1);
    assert_eq!(status.each("state"), ["dead"]);
    folder.run("start").await.exits(0);
    folder.kill(1).await;
    let stopped = folder.run("stop").await.exits(0);
    assert_eq!(stopped.each("result"), ["not running"]);
    assert!(!folder.files(1).identity.exists());
    folder.run("status").await.exits(3);
}

#[tokio::test]
async fn a_pid_that_is_anothers_by_now_is_not_signalled() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    folder.kill(1).await;
    let mut bystander = bystander();
    folder.forge(1, |identity| identity.pid = bystander.id());
    let status = folder.run("status").await.exits(1);
    let note = status.each("note")[0].to_string();
    assert!(
        note.contains("another process, started at another time"),
        "{note}"
    );
    folder.run("stop --force --yes").await.exits(0);
    assert!(bystander.runs());
}

#[tokio::test]
async fn each_thing_that_does_not_fit_keeps_a_signal_back() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    folder.kill(1).await;
    let mut bystander = bystander();
    let pid = bystander.id();
    let facts = discordctl::process::Facts::of(pid)
        .expect("known")
        .expect("it runs");
    // The lock is held, and the file names the bystander; all but one thing is true of it.
    let lock = Lock::take(&folder.files(1).lock).expect("openable");
    let _lock = lock.expect("free");
    folder.forge(1, |identity| {
        identity.pid = pid;
        identity.facts = facts.clone();
    });
    let right = folder.identity(1);
    let this = Executable::at(std::path::Path::new(&binary()));
    let this = this.expect("a file");
    let cases = [
        ("started at another time", json!({ "start_ticks": 1 })),
        (
            "the machine was started again",
            json!({ "boot_id": "another" }),
        ),
        ("runs another program", json!({ "executable": this })),
        ("runs as another user", json!({ "uid": 4711 })),
    ];
    for (told, lie) in cases {
        let mut identity = serde_json::to_value(&right).expect("JSON");
        for (key, value) in lie.as_object().expect("an object") {
            identity[key] = value.clone();
        }
        std::fs::write(folder.files(1).identity, identity.to_string()).expect("written");
        let stop = folder.run("stop --force --yes").await.exits(77).says(told);
        assert_eq!(stop.each("result"), ["foreign"]);
        let status = folder.run("status").await.exits(4);
        assert_eq!(status.each("state"), ["foreign"]);
        assert!(bystander.runs(), "{told}");
    }
}

#[tokio::test]
async fn without_the_lock_nothing_is_signalled() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    let lock = folder.files(1).lock;
    // It is held still, so that it cannot put the lock back before it is looked at.
    let instance = Handle::open(folder.pids()[0]).expect("ours");
    let still = instance.expect("it runs").signal(Signal::STOP);
    assert!(still.expect("ours"));
    // A cleaner came by: the instance holds a lock on a file that has no name any more.
    std::fs::remove_file(&lock).expect("removed");
    let stop = folder.run("stop").await;
    stop.exits(77).says("its lock is not held");
    folder.run("status").await.exits(4);
    folder.kill(1).await;
}

#[tokio::test]
async fn a_stranger_on_the_port_is_named() {
    let folder = Folder::embedded(1);
    let port = folder.instances[0].http.port();
    let _stranger = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    let us = std::process::id();
    let status = folder.run("status").await.exits(4);
    assert_eq!(status.each("state"), ["foreign"]);
    assert_eq!(status.each("pid"), [json!(us)]);
    let stop = folder.run("stop --force --yes").await.exits(1);
    let note = stop.each("note")[0].to_string();
    assert!(note.contains(&format!("pid {us} (")), "{note}");
    let start = folder.run("start").await.exits(69);
    start.says(&format!("in use by pid {us} ("));
}

#[tokio::test]
async fn a_binary_that_was_replaced_on_disk_is_still_the_one_that_runs() {
    let folder = Folder::embedded(1);
    let program = folder.copy("discordctl");
    Ran::of(folder.command_of(&program, "start")).await.exits(0);
    std::fs::remove_file(&program).expect("removed");
    folder.copy("discordctl");
    let status = folder.run("status").await.exits(0);
    assert_eq!(status.each("state"), ["running"]);
    let stop = folder.run("stop").await.exits(0);
    assert_eq!(stop.each("result"), ["stopped"]);
}

#[tokio::test]
async fn another_users_instance_is_left_to_that_user() {
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        return crate::support::need::left_out("root", "only root can act as another user");
    }
    let folder = Folder::embedded(1);
    let program = folder.copy("discordctl").display().to_string();
    std::fs::create_dir(folder.path("data")).expect("a folder");
    chown(folder.path("data"), Some(NOBODY), Some(NOBODY)).expect("root may");
    let as_user = |uid: u32, words: &str| {
        let line = format!("--reuid={uid} --regid={uid} --clear-groups {program} {words}");
        Ran::of(folder.command_of("setpriv", &line))
    };
    as_user(NOBODY, "start").await.exits(0);
    let pid = folder.pids()[0];
    // Root could, and does not.
    let stop = folder.run("stop --force --yes").await.exits(77);
    let told = format!("pid {pid} belongs to user {NOBODY}");
    assert!(stop.stderr.contains(&told), "{stop:?}");
    let status = folder.run("status").await.exits(4);
    assert_eq!(status.each("state"), ["foreign"]);
    // Others cannot even see.
    as_user(1, "stop").await.exits(77);
    let status = as_user(1, "status -o json").await.exits(4);
    assert_eq!(status.each("state"), ["unknown"]);
    assert_eq!(folder.pids(), [pid]);
    // A file of theirs that names a process of ours, and all of it true.
    let mut bystander = bystander();
    let facts = discordctl::process::Facts::of(bystander.id()).expect("known");
    let honest = folder.identity(1);
    folder.forge(1, |identity| {
        identity.pid = bystander.id();
        identity.facts = facts.expect("it runs");
    });
    let stop = folder.run("stop --force --yes").await.exits(77);
    let told = format!("did not write its file, user {NOBODY} did");
    assert!(stop.stderr.contains(&told), "{stop:?}");
    assert!(bystander.runs());
    folder.forge(1, |identity| *identity = honest);
    as_user(NOBODY, "stop").await.exits(0);
}
