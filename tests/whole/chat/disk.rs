//! A full disk: what does not fit is refused, nothing that was acknowledged is lost, and when there
//! is room again it goes on by itself.
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::chat::faults::{again, read_all};
use crate::support::client::{Browser, Person};
use crate::support::in_time;
use crate::support::server::{spawn, spawn_on_disk};

/// Enough for the database, and some hundred messages.
const DISK: u64 = 4 << 20;

/// A user who can read the database reads every room, and what proves to be a session.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_on_a_disk_for_its_user_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("new/data");
    let server = spawn(&place, "one", (0, 0)).await;
    let mut person = Browser::connect(server.http, "keeper").await;
    person.command("/join general").await.expect("joined");
    person.say("general", "a secret").await.expect("committed");
    for name in ["", "discord.db", "discord.db-wal", "discord.db-shm", "run"] {
        let found = fs::metadata(place.join(name)).expect("it is there");
        assert_eq!(
            found.permissions().mode() & 0o077,
            0,
            "'{name}' is open to others"
        );
    }
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_answer_and_not_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = spawn_on_disk(folder.path(), DISK).await else {
        let why = "this user cannot mount a disk in a namespace of its own";
        return crate::support::need::left_out("mount", why);
    };
    let mut person = Browser::connect(server.http, "keeper").await;
    person.command("/join general").await.expect("joined");
    let said = person.say("general", "before").await;
    said.expect("there is room");
    let mut acknowledged = vec!["before".to_owned()];
    let filler = server.inside(folder.path()).join("filler");
    fill(&filler);
    let why = in_time("a refusal", async {
        loop {
            // What the log has room for already is still taken.
            let text = format!("{}-{}", acknowledged.len(), "x".repeat(3_000));
            match person.say("general", &text).await {
                Ok(()) => acknowledged.push(text),
                Err(why) => break why,
            }
        }
    })
    .await;
    assert!(why.contains("space"), "{why}");
    fs::remove_file(&filler).expect("the filler goes");
    again(&mut person).await;
    acknowledged.push("after".to_owned());
    let stored: Vec<String> = read_all(server.http)
        .await
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(stored, acknowledged);
}

/// Takes all that is left.
fn fill(path: &Path) {
    let mut filler = fs::File::create(path).expect("room for a name");
    while filler.write_all(&[0; 4_096]).is_ok() {}
}
