//! Operators make and change accounts at a command line, under a running server.
use serde_json::{Value, json};

use super::{PASSWORD, in_room, registered, says, serve, tells};
use crate::support::client::{Lines, Person};
use crate::support::db::Db;
use crate::support::http;
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
    db.open().await;
    let invite = [("DISCORDCTL_ACCESS_MODE", "invite")];
    let accounts = async || {
        let report = shell.run_with("doctor", &invite).await.json();
        let checks = report["checks"].as_array().expect("a list").clone();
        let mut found = checks.into_iter().filter(|c| c["check"] == "accounts");
        found.next().expect("it is looked at")
    };
    let found = accounts().await;
    assert_eq!(found["level"], "warning");
    let fix = found["fix"].as_str().expect("a fix");
    let run = fix.replace("NAME", "alice").replace("discordctl ", "");
    shell.run(&run).await.well();
    assert_eq!(accounts().await["level"], "ok");
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

pub(crate) async fn an_operator_lets_people_in_and_keeps_them_out(db: Db) {
    let server = serve(&db, |config| {
        config.access.registration = discordctl::config::Registration::Invite;
    })
    .await;
    let shell = Shell::on(&db);
    let made = shell
        .run("invite create --role moderator --expires 1d")
        .await
        .well();
    let code = made["code"].as_str().expect("a code").to_owned();
    let open = shell.run("invite list").await.well();
    assert_eq!(open["invites"][0]["role"], "moderator");
    let mut mia = Lines::connect(server.tcp).await;
    says(&mut mia, "/nick mia").await;
    let register = format!("/register {PASSWORD} {code}");
    tells(&mut mia, &register, "you are logged in as mia (moderator)").await;
    let open = shell.run("invite list").await.well();
    assert_eq!(open["invites"], json!([]));
    shell.run("invite create --uses 2").await.well();
    let open = shell.run("invite list").await.well();
    let id = open["invites"][0]["id"].as_str().expect("an id").to_owned();
    let left = shell
        .run(&format!("invite revoke {}", &id[..12]))
        .await
        .well();
    assert_eq!(left["invites"], json!([]));

    tells(&mut mia, "/join general", "joined").await;
    let done = shell
        .run("ban mia --room general --for 1h --why rude")
        .await
        .well();
    assert_eq!(
        (&done["done"], &done["changed"]),
        (&json!("ban"), &json!(true))
    );
    mia.line_with("you may not read general any more").await;
    tells(
        &mut mia,
        "/join general",
        "you are banned from 'general' until",
    )
    .await;
    shell.run("unban mia --room general").await.well();
    crate::support::until!(
        "she may come back",
        says(&mut mia, "/join general").await.contains("joined")
    );
    shell.run("mute mia --room general").await.well();
    crate::support::until!(
        "she is muted",
        says(&mut mia, "hello").await.contains("you are muted")
    );
    let again = shell.run("unmute mia --room general").await.well();
    assert_eq!(again["changed"], true);
    let none = shell.run("unmute mia --room general").await.well();
    assert_eq!(none["changed"], false);
    shell.run("kick mia --room general").await.well();
    mia.line_with("you may not read general any more").await;
    for (line, code, why) in [
        ("ban nobody --room general", 69, "no_user"),
        ("ban mia --room nowhere", 69, "no_room"),
        ("invite create --workspace nowhere", 69, "no_workspace"),
        ("invite create --role guest", 64, "usage"),
        ("invite revoke ffffffffffffffff", 69, "no_invite"),
    ] {
        let refused = shell.run(line).await.exits(code);
        assert_eq!(refused.problem()["code"], why, "{line}");
    }
    server.stop().await;
}

pub(crate) async fn a_workspace_is_a_wall(db: Db) {
    let server = serve(&db, |_| {}).await;
    let shell = Shell::on(&db);
    let mut alice = registered(server.tcp, "alice").await;
    let mut bob = registered(server.tcp, "bob").await;
    tells(
        &mut alice,
        "/create acme/den",
        "there is no workspace 'acme'",
    )
    .await;
    shell.run("workspace create acme").await.well();
    let again = shell.run("workspace create ACME").await.exits(73);
    assert_eq!(again.problem()["code"], "workspace_exists");
    let list = shell
        .run("workspace add acme alice --role admin")
        .await
        .well();
    assert_eq!(list["workspaces"][0]["members"], 1);
    crate::support::until!(
        "she may make a room there",
        says(&mut alice, "/create acme/den")
            .await
            .contains("joined acme/den")
    );
    alice.write("a secret\n").await;
    alice.line_with("[acme/den] alice: a secret").await;
    let (there, absent) = (
        says(&mut bob, "/join acme/den").await,
        says(&mut bob, "/join acme/pit").await,
    );
    assert_eq!(there.replace("den", "pit"), absent);
    tells(
        &mut bob,
        "/create acme/another",
        "there is no workspace 'acme'",
    )
    .await;
    assert!(!says(&mut bob, "/rooms").await.contains("acme"));
    assert!(says(&mut alice, "/rooms").await.contains("acme/den"));
    shell.run("workspace add acme bob").await.well();
    crate::support::until!(
        "he may",
        says(&mut bob, "/join acme/den").await.contains("joined")
    );
    shell.run("workspace remove acme bob").await.well();
    bob.line_with("you may not read acme/den any more").await;
    tells(&mut bob, "/join acme/den", "there is no room").await;
    server.stop().await;
}

pub(crate) async fn an_erased_account_leaves_its_words_and_not_its_name(db: Db) {
    let server = serve(&db, |_| {}).await;
    let shell = Shell::on(&db);
    let password = shell.run("user create alice --role owner").await.well();
    let password = password["new_password"].as_str().expect("it is told");
    let mut alice = Lines::connect(server.tcp).await;
    says(&mut alice, &format!("/login alice {password}")).await;
    tells(&mut alice, "/join general", "joined").await;
    let mut bob = in_room(server.tcp, "bob", "/join general").await;
    bob.say("general", "from bob").await.expect("said");
    alice.say("general", "from alice").await.expect("said");
    db.sql("UPDATE users SET display_name = 'Robert', subject = 'idp 7' WHERE nickname = 'bob'")
        .await;
    shell.run("mute bob --room general --for 1h").await.well();
    let mut guess = Lines::connect(server.tcp).await;
    says(&mut guess, "/login bob wrong-password").await;

    for (line, code, why) in [
        ("user erase alice --yes", 77, "last_owner"),
        ("user erase nobody --yes", 69, "no_account"),
        ("user erase bob", 64, "confirmation-needed"),
    ] {
        let refused = shell.run(line).await.exits(code);
        assert_eq!(refused.problem()["code"], why, "{line}");
    }
    let would = shell.run("user erase bob --dry-run").await.well();
    assert_eq!(would["dry_run"], true);
    bob.say("general", "still here").await.expect_err("muted");
    let erased = shell.run("user erase Bob --yes").await.well();
    assert_eq!(
        (&erased["user"]["nickname"], &erased["user"]["disabled"]),
        (&json!("bob"), &json!(true))
    );
    ends(bob).await;

    // What was said stays, and what runs says of it no more than what is stored.
    let history = async || {
        let path = "/api/history/general?limit=50";
        let answer = http::request(server.http, "GET", path, None).await;
        answer.expect("an answer").body.to_string()
    };
    crate::support::until!(
        "no name is in what was said",
        !history().await.contains("\"bob\"")
    );
    let history = history().await;
    assert!(
        history.contains("from bob") && history.contains("erased-"),
        "{history}"
    );
    assert!(history.contains("\"alice\""), "{history}");
    let kept = db
        .texts(
            "SELECT nickname FROM users WHERE display_name IS NOT NULL OR subject IS NOT NULL
             UNION ALL SELECT nickname FROM users u
               WHERE password IS NOT NULL AND nickname <> 'alice'
             UNION ALL SELECT kind FROM restrictions
             UNION ALL SELECT u.nickname FROM read_marks k JOIN users u ON u.id = k.user_id
               WHERE u.nickname <> 'alice'
             UNION ALL SELECT nickname FROM sessions WHERE lower(nickname) = 'bob'",
        )
        .await;
    assert_eq!(kept, [""; 0]);

    // The name is held: no guest, no registering and no old password gets it.
    let mut other = Lines::connect(server.tcp).await;
    tells(&mut other, "/nick bob", "registered").await;
    tells(
        &mut other,
        &format!("/login bob {PASSWORD}"),
        "wrong name or password",
    )
    .await;
    let pseudonym = db
        .texts("SELECT nickname FROM users WHERE nickname LIKE 'erased-%'")
        .await;
    tells(&mut other, &format!("/nick {}", pseudonym[0]), "registered").await;
    let audit = shell.run("audit").await.well();
    let newest = &audit["entries"][0];
    assert_eq!(
        (&newest["action"], &newest["target"]),
        (&json!("erase"), &json!("bob"))
    );
    assert!(!audit.to_string().contains(&pseudonym[0]));
    server.stop().await;
}

pub(crate) async fn a_stream_is_read_through_a_proxy_as_the_bearer_of_a_token(db: Db) {
    let server = serve(&db, |config| {
        config.access.mode = discordctl::config::AccessMode::Invite;
    })
    .await;
    let shell = Shell::on(&db);
    let doctor = format!("doctor --url http://{}", server.http);
    let proxy = |ran: Ran| {
        let report = ran.json();
        let checks = report["checks"].as_array().expect("a list").clone();
        let mut found = checks.into_iter().filter(|c| c["check"] == "proxy");
        found.next().expect("it is looked at")
    };
    let found = proxy(shell.run(&doctor).await);
    assert_eq!(found["level"], "unknown", "{found}");
    let fix = found["fix"].as_str().expect("a fix");
    assert!(fix.contains("token create"), "{fix}");
    shell.run("user create eve").await.well();
    let made = shell.run("token create --user eve --scopes read").await;
    let token = made.well()["token"].as_str().expect("a token").to_owned();
    let doctor = format!("{doctor} --token-stdin");
    let ran = typed(&shell, &doctor, &token).await;
    assert!(!ran.stdout.contains(&token) && !ran.stderr.contains(&token));
    assert_eq!(proxy(ran)["level"], "ok");
    let wrong = typed(&shell, &doctor, "dct_none").await;
    assert_eq!(proxy(wrong)["level"], "unknown");
    server.stop().await;
}
