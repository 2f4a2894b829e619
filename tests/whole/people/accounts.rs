//! Accounts: registration, login, and the ownership of nicknames.
use discordctl::config::{AccessMode, Registration};
use serde_json::json;

use super::{PASSWORD, registered, says, serve, tells};
use crate::support::client::{Lines, Person};
use crate::support::db::Db;
use crate::support::http;

pub(crate) async fn a_registered_nickname_is_its_accounts_for_good(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut alice = registered(server.tcp, "alice").await;
    let mut other = Lines::connect(server.tcp).await;
    tells(&mut other, "/nick ALICE", "registered").await;
    tells(
        &mut other,
        "/login alice something else",
        "wrong name or password",
    )
    .await;
    tells(
        &mut other,
        "/login nobody something else",
        "wrong name or password",
    )
    .await;
    tells(&mut alice, "/nick bob", "keeps its nickname").await;
    let taken = http::post(server.http, "/api/connect", json!({"nickname": "alice"})).await;
    let taken = taken.expect("an answer");
    assert_eq!((taken.status, taken.code()), (409, "nickname_registered"));
    // Also when it is not there.
    alice.write("/quit\n").await;
    while alice.line().await.is_some() {}
    tells(&mut other, "/nick alice", "registered").await;
    tells(
        &mut other,
        &format!("/login alice {PASSWORD}"),
        "you are logged in as alice (member)",
    )
    .await;
    tells(&mut other, "/logout", "logged out; you are guest-").await;
    server.stop().await;
}

pub(crate) async fn an_account_is_used_over_several_connections_at_once(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut one = registered(server.tcp, "alice").await;
    let mut other = Lines::connect(server.tcp).await;
    says(&mut other, &format!("/login alice {PASSWORD}")).await;
    for lines in [&mut one, &mut other] {
        lines.command("/join general").await.expect("joined");
    }
    one.say("general", "from here").await.expect("said");
    other.say("general", "from there").await.expect("said");
    let seen = [one.see().await, one.see().await];
    assert!(seen.iter().all(|seen| seen.user == "alice"));
    assert_eq!(seen[1].content, "from there");
    server.stop().await;
}

pub(crate) async fn what_a_guest_made_is_its_accounts(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut alice = Lines::connect(server.tcp).await;
    says(&mut alice, "/nick alice").await;
    // There is no account yet that could make a room.
    says(&mut alice, "/create den").await;
    alice.say("den", "before").await.expect("said");
    says(&mut alice, &format!("/register {PASSWORD}")).await;
    tells(&mut alice, "/topic of mine", "the topic of den is: of mine").await;
    let mut bob = Lines::connect(server.tcp).await;
    says(&mut bob, "/nick bob").await;
    tells(&mut bob, "/create another", "it takes the role member").await;
    bob.command("/join den").await.expect("joined");
    let seen = bob.see().await;
    assert_eq!(
        (seen.user.as_str(), seen.content.as_str()),
        ("alice", "before")
    );
    server.stop().await;
}

pub(crate) async fn another_password_ends_all_other_sessions(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut here = registered(server.tcp, "alice").await;
    let mut there = Lines::connect(server.tcp).await;
    says(&mut there, &format!("/login alice {PASSWORD}")).await;
    tells(
        &mut here,
        "/password wrong another-one",
        "wrong name or password",
    )
    .await;
    let mut again = Lines::connect(server.tcp).await;
    says(&mut again, "/nick carol").await;
    says(&mut again, "/register one-of-mine-is-this").await;
    let told = says(
        &mut again,
        "/password one-of-mine-is-this one-of-mine-is-that",
    )
    .await;
    assert!(told.starts_with("password changed"), "{told}");
    let mut carol = Lines::connect(server.tcp).await;
    tells(&mut carol, "/login carol one-of-mine-is-this", "wrong").await;
    says(&mut carol, "/login carol one-of-mine-is-that").await;
    let told = says(
        &mut carol,
        "/password one-of-mine-is-that one-of-mine-is-those",
    )
    .await;
    assert!(told.starts_with("password changed"), "{told}");
    // The connection of the session that ended closes; those of others go on.
    while again.line().await.is_some() {}
    says(&mut there, "/whoami").await;
    server.stop().await;
}

pub(crate) async fn one_session_is_ended_and_the_others_go_on(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut here = registered(server.tcp, "alice").await;
    let mut there = Lines::connect(server.tcp).await;
    says(&mut there, &format!("/login alice {PASSWORD}")).await;
    let sessions = here.answer("/sessions").await;
    assert!(sessions[0].ends_with("2 sessions"), "{sessions:#?}");
    let is_other = |line: &&String| line.contains(" from ") && !line.contains("this one");
    let other = sessions.iter().find(is_other).expect("the other");
    let id = other["[system] ".len()..].split(':').next().expect("an id");
    tells(&mut here, "/sessions end 0xyz", "you have no such session").await;
    tells(
        &mut here,
        &format!("/sessions end {}", &id[..12]),
        "the session has ended",
    )
    .await;
    while there.line().await.is_some() {}
    assert!(
        says(&mut here, "/whoami")
            .await
            .starts_with("you are alice")
    );
    server.stop().await;
}

pub(crate) async fn failed_logins_have_to_wait(db: Db) {
    let server = serve(&db, |_| {}).await;
    registered(server.tcp, "alice").await;
    let mut other = Lines::connect(server.tcp).await;
    for _ in 0..5 {
        tells(&mut other, "/login alice guessed", "wrong name or password").await;
    }
    // From then on the right one waits, too: long enough for the slowest machine.
    db.sql("UPDATE login_failures SET count = 12").await;
    tells(
        &mut other,
        &format!("/login alice {PASSWORD}"),
        "too many failed logins",
    )
    .await;
    tells(&mut other, "/login bob guessed", "wrong name or password").await;
    db.sql("DELETE FROM login_failures").await;
    says(&mut other, &format!("/login alice {PASSWORD}")).await;
    assert_eq!(db.number("SELECT count(*) FROM login_failures").await, 0);
    server.stop().await;
}

pub(crate) async fn registering_may_take_an_invite(db: Db) {
    let server = serve(&db, |config| {
        config.access.registration = Registration::Invite;
    })
    .await;
    let mut alice = Lines::connect(server.tcp).await;
    says(&mut alice, "/nick alice").await;
    tells(
        &mut alice,
        &format!("/register {PASSWORD}"),
        "takes an invite",
    )
    .await;
    let code = discordctl::auth::secret::InviteCode::random();
    let (digest, code) = (code.digest(), code.secret());
    db.sql(&format!(
        "INSERT INTO invites (digest, workspace_id, role, uses) VALUES ('{digest}', 1, 'moderator', 1)"
    ))
    .await;
    tells(
        &mut alice,
        &format!("/register {PASSWORD} {code}"),
        "you are logged in as alice (moderator)",
    )
    .await;
    let mut bob = Lines::connect(server.tcp).await;
    says(&mut bob, "/nick bob").await;
    tells(
        &mut bob,
        &format!("/register {PASSWORD} {code}"),
        "not used up",
    )
    .await;
    server.stop().await;
}

pub(crate) async fn guests_are_let_in_where_it_says_so(db: Db) {
    let server = serve(&db, |config| {
        config.access.mode = AccessMode::Members;
    })
    .await;
    let mut guest = Lines::connect(server.tcp).await;
    for command in [
        "/join general",
        "/rooms",
        "/list",
        "/create den",
        "/history",
    ] {
        let told = says(&mut guest, command).await;
        assert!(
            told.contains("account") || told.contains("in no room"),
            "{command}: {told}"
        );
    }
    for path in [
        "/api/rooms",
        "/api/users",
        "/api/history/general",
        "/api/messages/general",
    ] {
        let answer = http::request(server.http, "GET", path, None)
            .await
            .expect("an answer");
        assert_eq!(
            (answer.status, answer.code()),
            (401, "account_needed"),
            "{path}"
        );
    }
    let refused = http::post(server.http, "/api/connect", json!({"nickname": "bob"})).await;
    assert_eq!(refused.expect("an answer").code(), "account_needed");
    let mut alice = registered(server.tcp, "alice").await;
    alice.command("/join general").await.expect("joined");
    alice.say("general", "hello").await.expect("said");
    server.stop().await;
}
