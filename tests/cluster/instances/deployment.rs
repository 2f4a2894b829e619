//! Which deployment a command is about, where several could be meant, or none is there.
use std::fs;

use serde_json::json;

use super::folder::Folder;
use crate::support::process::Ours;
use crate::support::{Ran, eventually};

/// `serve` in the foreground, without a file.
struct Plain(Ours);

impl Plain {
    async fn serve(folder: &Folder, options: &str) -> Self {
        let line = format!("serve --tcp-port 0 --http-port 0 {options}");
        let plain = Self(Ours::spawn(folder.command(&line)));
        let runs = || async { folder.run("status").await.code == Some(0) };
        eventually("it runs and can be seen", runs).await;
        plain
    }
}

/// As a person types it: what is said beside the result.
async fn typed(folder: &Folder, line: &str) -> Ran {
    Ran::of(folder.command(line)).await
}

fn samples(folder: &Folder) {
    for number in 1..=3 {
        let name = format!("config/instance{number}.json");
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        fs::copy(format!("{sample}{name}"), folder.path(&name)).expect("a sample");
    }
}

/// Commands that could touch the wrong database.
const ABOUT_A_DATABASE: [&str; 8] = [
    "backup --to b.db",
    "restore b.db --yes",
    "migrate up",
    "migrate status",
    "archive",
    "replay archive",
    "cleanup",
    "jobs run cleanup",
];

#[tokio::test]
async fn a_plain_serve_is_what_commands_in_its_folder_mean() {
    let folder = Folder::with(0, &json!({}));
    samples(&folder);
    let options = "--data-dir elsewhere/of/it --db-url sqlite://my.db";
    let mut plain = Plain::serve(&folder, options).await;
    for line in [
        "status",
        "health",
        "monitor --once --interval 200ms",
        "connections",
        "drain",
        "undrain",
        "log-level debug",
        "storage",
        "jobs list",
        "migrate status",
        "archive --dry-run",
        "cleanup --dry-run",
        "backup --to b.db",
        "start",
    ] {
        let ran = typed(&folder, line).await.exits(0);
        let ran = ran.says("which runs from this folder");
        assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
        folder.run(&format!("{line} --yes")).await;
    }
    assert!(folder.path("b.db").exists() && !folder.path("data/discord.db").exists());
    let restart = folder.run("restart").await.exits(64);
    restart.says("without a file");
    let status = folder.run("status").await.exits(0);
    assert_eq!(status.each("pid"), [json!(plain.0.id())]);
    let stopped = folder.run("stop").await.exits(0);
    assert_eq!(stopped.each("result"), ["stopped"]);
    assert!(plain.0.wait().expect("it ended").success());
}

#[tokio::test]
async fn where_nothing_runs_that_is_said_and_how_to_go_on() {
    let folder = Folder::with(0, &json!({}));
    for line in [
        "status",
        "health",
        "monitor --once",
        "connections",
        "drain",
        "restart",
    ] {
        let ran = typed(&folder, line).await.exits(3);
        ran.says("nothing runs here").says("discordctl serve");
    }
    let status = folder.run("status").await.exits(3);
    assert!(status.each("pid").is_empty());
    folder.run("stop").await.exits(0);
    folder.run("start").await.exits(66);
    assert!(!folder.path("data").exists(), "looking leaves nothing");
}

#[tokio::test]
async fn two_possible_databases_are_named_and_neither_is_touched() {
    let folder = Folder::embedded(2);
    fs::write(folder.path("b.db"), "no backup").expect("written");
    fs::create_dir(folder.path("archive")).expect("a folder");
    let both = async |one: &str, other: &str| {
        for line in ABOUT_A_DATABASE {
            let ran = folder.run(line).await.exits(64).says("which_database");
            ran.says(one).says(other);
        }
    };
    // Two files that differ.
    folder.configure(2, &json!({ "db_url": "sqlite://data/other.db" }));
    both("discord.db", "other.db").await;
    // A file from before, beside configurations that say something else.
    let away = "postgresql://127.0.0.1:1/chat";
    for number in [1, 2] {
        folder.configure(number, &json!({ "db_url": away, "db_wait": "100ms" }));
    }
    fs::create_dir(folder.path("data")).expect("a folder");
    fs::write(folder.path("data/discord.db"), "").expect("written");
    both("sqlite://data/discord.db", away).await;
    fs::remove_file(folder.path("data/discord.db")).expect("removed");
    folder.run("migrate up").await.exits(69);
    assert!(
        !folder.path("data/discord.db").exists(),
        "a new one was made"
    );
    // What runs, beside configurations that say something else.
    let plain = Plain::serve(&folder, "").await;
    both("sqlite://data/discord.db", away).await;
    // Each can be said.
    let by_flag = "migrate status --db-url sqlite://data/discord.db";
    folder.run(by_flag).await.exits(0);
    let by_file = "migrate status --config config/instance1.json";
    folder.run(by_file).await.exits(69);
    let url = [("DISCORDCTL_DB_URL", "sqlite://data/discord.db")];
    folder.run_with("migrate status", &url).await.exits(0);
    drop(plain);
}

#[tokio::test]
async fn two_files_of_one_instance_are_refused_and_count_once() {
    let folder = Folder::embedded(2);
    folder.configure(2, &json!({ "instance_id": "instance-1" }));
    for line in ["status", "start", "restart"] {
        let ran = folder.run(line).await.exits(78);
        ran.says("config/instance1.json")
            .says("config/instance2.json");
    }
    let stopped = folder.run("stop").await.exits(0);
    assert_eq!(stopped.each("result"), ["not running"]);
}

/// What one was started with beats its file, which says something else by now.
#[tokio::test]
async fn what_runs_says_which_database_it_has() {
    let folder = Folder::embedded(1);
    let url = [("DISCORDCTL_DB_URL", "sqlite://data/mine.db")];
    folder.run_with("start", &url).await.exits(0);
    let status = typed(&folder, "migrate status").await.exits(0);
    status.says("sqlite://data/mine.db");
    assert!(!folder.path("data/discord.db").exists());
}
