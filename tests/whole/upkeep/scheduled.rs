//! Backups that run themselves: verified before they count, thinned, and never the last one.
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use discordctl::client;
use serde_json::Value;

use crate::support::db::Db;
use crate::support::http::request;
use crate::support::{DEADLINE, Shell, eventually};
use crate::upkeep::log::{now, old};

const RUN: &str = "jobs run backup";
/// Where an S3 server is, as `http://127.0.0.1:PORT`.
const S3: &str = "DISCORDCTL_TEST_S3";

/// Keeps the newest two and nothing else.
fn keeping_two(db: &Db, url: &str) -> Shell {
    Shell::on(db)
        .with("DISCORDCTL_BACKUP_URL", url)
        .with("DISCORDCTL_BACKUP_KEEP_NEWEST", "2")
        .with("DISCORDCTL_BACKUP_KEEP_DAILY", "0")
        .with("DISCORDCTL_BACKUP_KEEP_WEEKLY", "0")
}

/// The names of those that are there, and whether each was verified.
async fn listed(shell: &Shell) -> Vec<(String, bool)> {
    let list = shell.run("backup list").await.well();
    let backups = list["backups"].as_array().expect("a list").clone();
    let row = |one: &Value| {
        let name = one["name"].as_str().expect("a name").to_owned();
        (name, one["verified_at"].is_string())
    };
    backups.iter().map(row).collect()
}

async fn runs(shell: &Shell) -> Vec<(String, bool)> {
    let ran = shell.run(RUN).await.well();
    assert_eq!(ran["result"], "ok", "{ran}");
    listed(shell).await
}

/// What lies in the folder, without the endings of manifests.
fn files(shell: &Shell) -> BTreeSet<String> {
    let entries = fs::read_dir(shell.path("kept"))
        .expect("a folder")
        .flatten();
    let names = entries.map(|entry| entry.file_name().into_string().expect("a name"));
    names.map(|name| name.replace(".json", "")).collect()
}

pub(crate) async fn they_are_verified_and_thinned(db: Db) {
    old(&db, 2, 50, now()).await;
    let shell = keeping_two(&db, "file:kept");
    assert!(listed(&shell).await.is_empty());
    let first = runs(&shell).await;
    assert!(first[0].1, "{first:?}");
    runs(&shell).await;
    let three = runs(&shell).await;
    assert_eq!(three.len(), 2);
    assert!(!three.contains(&first[0]), "the oldest is gone");
    let verify = format!("backup verify kept/{}", three[1].0);
    assert_eq!(shell.run(&verify).await.well()["messages"], 100);
    // The job removes no file of the operator's own.
    fs::write(shell.path("kept/mine.dump"), "mine").expect("written");

    // Killed before it was proved, it does not count; killed before it was whole, it is not there.
    shell.killed(RUN, "backup:made").await;
    let killed = listed(&shell).await;
    let verified: Vec<bool> = killed.iter().map(|(_, verified)| *verified).collect();
    assert_eq!(verified, [true, true, false]);
    shell.killed(RUN, "backup:written").await;
    assert_eq!(listed(&shell).await, killed);
    let after = runs(&shell).await;
    let newest: Vec<_> = after.iter().map(|(_, verified)| *verified).collect();
    assert_eq!(newest, [true, true], "{after:?}");
    assert!(after.contains(&killed[1]));
    let mut left = files(&shell);
    assert!(left.remove("mine.dump"));
    let those: BTreeSet<String> = after.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(left, those, "nothing partial is left");

    // Where it cannot be made, those that are there stay, and it says why.
    let broken = shell
        .run_with(RUN, &[("DISCORDCTL_BACKUP_URL", "file:kept/mine.dump")])
        .await;
    assert!(broken.exits(2).stdout.contains("mine.dump"));
    assert_eq!(listed(&shell).await, after);
    let jobs = shell.run("jobs list").await.well();
    let of = |name: &str| {
        let rows = jobs["jobs"].as_array().expect("rows").iter();
        rows.clone()
            .find(|row| row["job"] == name)
            .expect("it is one")
            .clone()
    };
    assert_eq!(
        (&of("backup")["result"], &of("backup")["schedule"]),
        (&"failed".into(), &"off".into())
    );
}

pub(crate) async fn a_bucket_holds_them_too(db: Db) {
    let Ok(endpoint) = std::env::var(S3) else {
        return crate::support::need::left_out("s3", &format!("{S3} is not set"));
    };
    old(&db, 2, 50, now()).await;
    let bucket = format!("backup-{}-{:?}", std::process::id(), db.kind).to_lowercase();
    let put = ["-fsS", "-X", "PUT", &format!("{endpoint}/{bucket}")];
    let made = Command::new("curl").args(put).output().expect("curl");
    assert!(made.status.success(), "{made:?}");
    let mut shell = keeping_two(&db, &format!("s3://{bucket}/of/chat"));
    for (name, value) in [
        ("AWS_ENDPOINT_URL", &*endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
    ] {
        shell.set(name, value);
    }
    let first = runs(&shell).await;
    // What was not proved there does not count.
    shell.killed(RUN, "backup:uploaded").await;
    assert_eq!(listed(&shell).await, first);
    runs(&shell).await;
    let three = runs(&shell).await;
    assert!(three.len() == 2 && !three.contains(&first[0]), "{three:?}");
    let fetch = format!("backup fetch {} --to copy", three[1].0);
    assert_eq!(shell.run(&fetch).await.well()["messages"], 100);
    shell.run("backup verify copy").await.exits(0);
    shell
        .run("backup fetch there-is-none --to other")
        .await
        .exits(66);
    assert!(!shell.path("data/backup").exists(), "nothing is left here");
    // A bucket that is away is told before anything is made.
    let none = [("DISCORDCTL_BACKUP_URL", "s3://there-is-none")];
    let refused = shell.run_with(RUN, &none).await.exits(2);
    assert!(refused.stdout.contains("there-is-none"), "{refused:?}");
    assert_eq!(listed(&shell).await, three);
}

pub(crate) async fn their_age_is_told(db: Db) {
    old(&db, 1, 5, now()).await;
    db.sql("INSERT INTO job_runs (job, instance, result) VALUES ('backup', 'one', 'ok')")
        .await;
    let day = std::time::Duration::from_secs(86_400);
    db.age("job_runs", "started_at", 4 * day).await;
    db.sql("INSERT INTO job_runs (job, instance, result) VALUES ('backup', 'one', 'failed')")
        .await;
    let shell = Shell::on(&db).with("DISCORDCTL_BACKUP_SCHEDULE", "0 2 * * *");
    let none = backup_check(&shell).await;
    let why = none["detail"].as_str().expect("why");
    assert!(why.contains("no verified backup"), "{none}");
    let server = shell.serve("one", &[]).await;
    let health = || async {
        let answer = request(server.http, "GET", "/health", None).await;
        answer.expect("answered").body
    };
    let told = || async { health().await["checks"]["backup"]["level"] == "critical" };
    eventually("it is critical", told).await;
    let health = health().await;
    assert_eq!(health["status"], "healthy", "nobody is turned away for it");
    let value = health["checks"]["backup"]["value"].as_f64();
    assert!(
        value.is_some_and(|hours| (95.0..98.0).contains(&hours)),
        "{health}"
    );
    let metrics = client::get(server.http, "/metrics", "text/plain", DEADLINE).await;
    let metrics = metrics.expect("answered").body;
    let age = metrics
        .lines()
        .find(|line| line.starts_with("discord_backup_age_seconds "));
    assert!(age.is_some(), "{metrics}");
    // The run that was missed is made up for, and seen from outside.
    let made = || async { backup_check(&shell).await["level"] == "ok" };
    eventually("a backup is there", made).await;
}

/// What `doctor` says of backups.
async fn backup_check(shell: &Shell) -> Value {
    let doctor = shell.run("doctor").await.json();
    let checks = doctor["checks"].as_array().expect("checks").clone();
    let found = checks.into_iter().find(|check| check["check"] == "backup");
    found.expect("it is looked at")
}
