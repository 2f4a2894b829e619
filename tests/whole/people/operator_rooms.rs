//! Operators make and set rooms at a command line, under a running server and without one.
use serde_json::{Value, json};

use super::{PASSWORD, registered, says, serve, tells};
use crate::support::client::Person;
use crate::support::db::Db;
use crate::support::{Ran, Shell};

/// Runs it with a text of several words at its end.
async fn with_text(shell: &Shell, line: &str, text: &str) -> Ran {
    let mut command = shell.command(line);
    command.args([text, "-o", "json"]);
    Ran::of(command).await
}

fn names(list: &Value, of: &str, key: &str) -> Vec<String> {
    let list = list[of].as_array().expect("a list").iter();
    list.map(|one| one[key].as_str().expect("a name").to_owned())
        .collect()
}

pub(crate) async fn an_operator_makes_rooms_and_sets_them(db: Db) {
    // Nothing runs yet.
    let shell = Shell::on(&db);
    shell.run("user create alice --role owner").await.well();
    let made = shell.run("room create den --private --owner alice");
    let made = made.await.well();
    assert_eq!(
        (&made["room"]["kind"], &made["room"]["created_by"]),
        (&json!("private"), &json!("alice"))
    );
    shell.run("workspace create acme").await.well();
    shell.run("room create acme/pit").await.well();

    let server = serve(&db, |_| {}).await;
    let mut bob = registered(server.tcp, "bob").await;
    tells(&mut bob, "/join den", "there is no room").await;
    let added = shell.run("room add den bob").await.well();
    assert_eq!(names(&added, "members", "nickname"), ["alice", "bob"]);
    assert_eq!(names(&added, "members", "role"), ["owner", "member"]);
    crate::support::until!(
        "he may come in",
        says(&mut bob, "/join den").await.contains("joined den")
    );
    let shown = with_text(&shell, "room topic den", "what runs where").await;
    assert_eq!(shown.well()["room"]["topic"], "what runs where");
    crate::support::until!(
        "it is known here",
        says(&mut bob, "/topic").await.contains("what runs where")
    );
    let shown = shell.run("room allow den write=moderator").await.well();
    assert_eq!(shown["room"]["allow"], json!({"write": "moderator"}));
    crate::support::until!(
        "he may only read",
        says(&mut bob, "hello").await.contains("not sent")
    );
    shell.run("room add den bob --role moderator").await.well();
    crate::support::until!("he may write again", bob.say("den", "hello").await.is_ok());
    let shown = shell.run("room allow den write=usual").await.well();
    assert_eq!(shown["room"]["allow"], json!({}));
    shell.run("mute bob --room den --why loud").await.well();
    let shown = shell.run("room show den").await.well();
    assert_eq!(
        (
            &shown["room"]["online"],
            &shown["room"]["restrictions"][0]["nickname"],
            &shown["room"]["restrictions"][0]["until"],
        ),
        (&json!(1), &json!("bob"), &Value::Null)
    );
    let shown = shell.run("room topic den -").await.well();
    assert_eq!(shown["room"]["topic"], Value::Null);

    let all = shell.run("room list").await.well();
    assert_eq!(names(&all, "rooms", "name"), ["acme/pit", "den"]);
    let of_acme = shell.run("room list --workspace ACME").await.well();
    assert_eq!(names(&of_acme, "rooms", "name"), ["acme/pit"]);
    let would = shell.run("room delete den --dry-run").await.well();
    assert_eq!(
        (&would["dry_run"], &would["room"]["name"]),
        (&json!(true), &json!("den"))
    );
    shell.run("room show den").await.well();
    let deleted = shell.run("room delete den --yes").await.well();
    assert_eq!(deleted["dry_run"], false);
    bob.line_with("there is no room 'den'").await;
    shell.run("room delete den --yes").await.exits(69);
    let audit = shell.run("audit").await.well();
    let entries = audit["entries"].as_array().expect("a list").iter();
    let of_den = entries.filter(|entry| entry["room"] == "den");
    let done: Vec<&str> = of_den
        .map(|entry| entry["action"].as_str().expect("a word"))
        .collect();
    let expected = [
        "delete_room",
        "room",
        "mute",
        "room",
        "role",
        "room",
        "room",
        "invite",
        "create_room",
    ];
    assert_eq!(done, expected);
    server.stop().await;
}

pub(crate) async fn an_operator_is_told_why_a_room_is_refused(db: Db) {
    let shell = Shell::on(&db);
    shell.run("user create alice --role owner").await.well();
    shell.run("workspace create acme").await.well();
    shell.run("room create ops").await.well();
    shell.run("room create dm").await.well();
    shell.run("room create general").await.well();
    db.sql("UPDATE rooms SET kind = 'direct' WHERE name = 'dm'")
        .await;
    let long = format!("room create pit --topic {}", "x".repeat(501));
    for (line, code, why) in [
        ("room create OPS", 73, "room_exists"),
        ("room create system", 64, "bad_name"),
        ("room create nowhere/den", 69, "no_workspace"),
        ("room create den --owner nobody", 69, "no_account"),
        ("room create acme/den --owner alice", 69, "not_in_workspace"),
        ("room list --workspace nowhere", 69, "no_workspace"),
        ("room show den", 69, "no_room"),
        ("room members den", 69, "no_room"),
        ("room add ops nobody", 69, "no_account"),
        ("room add dm alice", 77, "direct_room"),
        ("room topic dm ships", 77, "direct_room"),
        ("room delete ops", 64, "confirmation-needed"),
        ("room delete general --yes", 77, "lobby"),
        ("room allow ops wirte=member", 64, "bad_override"),
        ("room allow ops write=king", 64, "bad_override"),
        ("room allow ops write", 64, "usage"),
        (&long, 64, "topic_too_long"),
    ] {
        let refused = shell.run(line).await.exits(code);
        assert_eq!(refused.problem()["code"], why, "{line}");
    }
    // What was refused is not there, and the audit log has no line of it.
    let all = shell.run("room list").await.well();
    assert_eq!(names(&all, "rooms", "name"), ["dm", "general", "ops"]);
    let audit = shell.run("audit").await.well();
    let entries = audit["entries"].as_array().expect("a list").iter();
    let made = entries.filter(|entry| entry["action"] == "create_room");
    assert_eq!(made.count(), 3);
    assert!(!audit.to_string().contains(PASSWORD));
}
