//! Operators make and change accounts at a command line, under a running server.
use serde_json::{Value, json};

use super::{PASSWORD, registered, says, serve, tells};
use crate::support::client::Lines;
use crate::support::db::Db;
use crate::support::{Ran, Shell};

/// Runs it with a line on standard input.
async fn typed(shell: &Shell, line: &str, password: &str) -> Ran {
    let mut command = shell.command_of("sh", "");
    let program = crate::support::process::binary();
    command
        .args(["-c", "printf '%s\\n' \"$1\" | { shift; \"$0\" \"$@\"; }"])
        .args([&*program, password])
        .args(line.split_whitespace())
        .args(["-o", "json"]);
    Ran::of(command).await
}

/// Waits until what an operator did is felt.
async fn ends(mut lines: Lines) {
    while lines.line().await.is_some() {}
}

pub(crate) async fn an_operator_makes_accounts_and_changes_them(db: Db) {
    let server = serve(&db, |_| {}).await;
    let shell = Shell::on(&db);
    let none = shell.run("user list").await.well();
    assert_eq!(none["users"], json!([]));
    let made = shell.run("user create alice --role owner").await.well();
    let password = made["new_password"]
        .as_str()
        .expect("it is told")
        .to_owned();
    assert_eq!(
        (&made["user"]["role"], &made["user"]["disabled"]),
        (&json!("owner"), &json!(false))
    );
    let mut alice = Lines::connect(server.tcp).await;
    tells(
        &mut alice,
        &format!("/login alice {password}"),
        "you are logged in as alice (owner)",
    )
    .await;

    let made = typed(&shell, "user create bob --password-stdin", PASSWORD)
        .await
        .well();
    assert_eq!(made["new_password"], Value::Null);
    let mut bob = Lines::connect(server.tcp).await;
    tells(
        &mut bob,
        &format!("/login bob {PASSWORD}"),
        "you are logged in as bob (member)",
    )
    .await;
    for (line, code, why) in [
        ("user create BOB", 73, "account_exists"),
        ("user create headcount", 64, "bad_name"),
        ("user show nobody", 69, "no_account"),
        ("user role alice admin", 77, "last_owner"),
        ("user disable alice --yes", 77, "last_owner"),
        (
            "user sessions bob --end ffffffffffffffffffffffffffffffffff",
            69,
            "no_session",
        ),
        ("user role bob guest", 64, "usage"),
        ("user disable bob", 64, "confirmation-needed"),
    ] {
        let refused = shell.run(line).await.exits(code);
        assert_eq!(refused.problem()["code"], why, "{line}");
    }
    let weak = typed(&shell, "user password bob --password-stdin", "password")
        .await
        .exits(64);
    assert_eq!(weak.problem()["code"], "weak_password");

    shell.run("user role bob moderator").await.well();
    let shown = shell.run("user show bob").await.well();
    assert_eq!(shown["user"]["role"], "moderator");
    let id = shown["sessions"][0]["id"]
        .as_str()
        .expect("it is logged in");
    shell
        .run(&format!("user sessions bob --end {}", &id[..12]))
        .await
        .well();
    ends(bob).await;
    let mut bob = Lines::connect(server.tcp).await;
    tells(
        &mut bob,
        &format!("/login bob {PASSWORD}"),
        "you are logged in as bob (moderator)",
    )
    .await;
    shell.run("user disable bob --yes").await.well();
    ends(bob).await;
    let mut bob = Lines::connect(server.tcp).await;
    tells(
        &mut bob,
        &format!("/login bob {PASSWORD}"),
        "wrong name or password",
    )
    .await;
    shell.run("user enable bob").await.well();
    let new = shell.run("user password bob").await.well();
    let new = new["new_password"].as_str().expect("it is told").to_owned();
    let mut bob = Lines::connect(server.tcp).await;
    tells(
        &mut bob,
        &format!("/login bob {PASSWORD}"),
        "wrong name or password",
    )
    .await;
    says(&mut bob, &format!("/login bob {new}")).await;

    let audit = shell.run("audit").await.well();
    let entries = audit["entries"].as_array().expect("a list").iter();
    let by_operator = entries.filter(|entry| entry["actor"] == "operator");
    let done: Vec<&str> = by_operator
        .map(|entry| entry["action"].as_str().expect("a word"))
        .collect();
    let all = [
        "password",
        "enable",
        "disable",
        "end_session",
        "role",
        "register",
        "register",
    ];
    assert_eq!(done, all);
    assert!(!audit.to_string().contains(&new) && !audit.to_string().contains("argon2"));
    server.stop().await;
}

pub(crate) async fn a_deployment_that_does_not_run_has_its_owner_first(db: Db) {
    let shell = Shell::on(&db);
    shell.run("user create alice --role owner").await.well();
    let listed = shell.run("user list").await.well();
    assert_eq!(listed["users"][0]["nickname"], "alice");
    let server = serve(&db, |_| {}).await;
    let mut other = Lines::connect(server.tcp).await;
    tells(&mut other, "/nick alice", "registered").await;
    registered(server.tcp, "bob").await;
    let roles = shell.run("roles").await.well();
    let actions = roles["actions"].as_array().expect("a list").iter();
    let least = |name: &str| {
        actions
            .clone()
            .find(|row| row["action"] == name)
            .expect("it is there")["role"]
            .clone()
    };
    assert_eq!(
        [least("write"), least("ban"), least("audit")],
        ["guest", "moderator", "admin"]
    );
    server.stop().await;
}
