//! A disk has no space left; the operator's own command makes some.
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::client::{Browser, Person};
use crate::support::http::request;
use crate::support::process::{Process, binary};
use crate::support::server::spawn_on_disk;
use crate::support::{Ran, Shell, eventually, in_time};

/// More than what is called critical, once it is empty again.
const DISK: u64 = 160 << 20;

/// Runs a command where that process sees its disk.
async fn beside(server: &Process, shell: &Shell, line: &str) -> Ran {
    let pid = server.pid();
    let enter = format!(
        "--target {pid} --user --preserve-credentials --mount --wd={}",
        shell.folder.path().display()
    );
    let words = format!("{enter} {} {line} -o json", binary());
    let mut command: Command = shell.command_of("nsenter", &words);
    command.env(
        "MAKE_ROOM",
        format!("rm {}", shell.path("disk/filler").display()),
    );
    Ran::of(command).await
}

async fn health(server: &Process) -> Value {
    let answer = request(server.http, "GET", "/health", None).await;
    answer.unwrap().body
}

/// Takes all that is left.
fn fill(path: &Path) {
    let mut filler = fs::File::create(path).unwrap();
    while filler.write_all(&[0; 65_536]).is_ok() {}
    while filler.write_all(&[0; 1_024]).is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn full_and_freed_by_the_operators_command() {
    let shell = Shell::new();
    let disk = shell.path("disk");
    fs::create_dir(&disk).unwrap();
    let Some(server) = spawn_on_disk(&disk, DISK).await else {
        let why = "this user cannot mount a disk in a namespace of its own";
        return crate::support::need::left_out("mount", why);
    };
    let (tcp, http) = server.ports();
    let config = json!({
        "instance_id": "one", "tcp_port": tcp, "http_port": http, "data_dir": disk,
        "db_url": format!("sqlite://{}/discord.db", disk.display()),
    });
    fs::write(shell.path("instance.json"), config.to_string()).unwrap();
    let shell = shell.with("DISCORDCTL_CONFIG", "instance.json");
    let mut person = Browser::connect(server.http, "keeper").await;
    person.command("/join general").await.unwrap();

    fill(&server.inside(&disk).join("filler"));
    let text = "x".repeat(3_000);
    in_time("a refusal", async {
        while person.say("general", &text).await.is_ok() {}
    })
    .await;
    let named = || async {
        let health = health(&server).await;
        health["status"] == "degraded" && health["checks"]["disk"]["runbook"] == "disk-full"
    };
    eventually("health names the runbook", named).await;
    let walked = beside(&server, &shell, "runbook run disk-full --yes").await;
    assert_eq!(walked.code, Some(0), "{walked:?}");
    let report = walked.json();
    assert_eq!(report["verdict"], "healthy");
    let outcomes = report["steps"].as_array().unwrap().iter();
    let outcomes: Vec<_> = outcomes
        .map(|step| step["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes[..2], ["helped", "nothing-to-do"]);
    assert_eq!(health(&server).await["status"], "healthy");
    person.say("general", "after").await.unwrap();
}
