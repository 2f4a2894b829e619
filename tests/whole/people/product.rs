//! Every role, in every kind of room, by every door, with every command that takes a right, against what
//! is written down here apart from the table.
use super::{PASSWORD, says, serve};
use crate::support::client::{Lines, Person, Socket};
use crate::support::db::{Db, Kind, run};

const ROLES: [&str; 5] = ["guest", "member", "moderator", "admin", "owner"];
/// What each role adds to the one before it.
const ADDS: [&[&str]; 5] = [
    &["read", "write", "see"],
    &["invite", "create_room"],
    &["topic", "slow", "kick", "mute", "ban"],
    &["manage_roles"],
    &[],
];
/// The right that each command takes; `VICTIM` is a member of its own, for that command alone.
const COMMANDS: [(&str, &str); 9] = [
    ("/history 1", "read"),
    ("/topic", "see"),
    ("/topic another", "topic"),
    ("/slow off", "slow"),
    ("/invite VICTIM", "invite"),
    ("/mute VICTIM for 1h", "mute"),
    ("/role VICTIM guest", "manage_roles"),
    ("/kick VICTIM", "kick"),
    ("/ban VICTIM for 1h", "ban"),
];

fn may(role: usize, right: &str) -> bool {
    ADDS[..=role].iter().any(|adds| adds.contains(&right))
}

#[test]
fn every_role_may_what_is_written_down_and_nothing_else() {
    run(Kind::Sqlite, walk);
}

async fn walk(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut host = super::in_room(server.tcp, "host", "/create open").await;
    says(&mut host, "/create closed --private").await;
    let mut walked = 0;
    for (role, name) in ROLES.iter().enumerate() {
        for room in ["open", "closed"] {
            if role == 0 && room == "closed" {
                continue;
            }
            let nickname = format!("{name}-{room}");
            let mut lines = Lines::connect(server.tcp).await;
            let mut socket = Socket::connect(server.http, &format!("at-{nickname}")).await;
            if role > 0 {
                make(&db, &nickname, name, room).await;
                let login = format!("/login {nickname} {PASSWORD}");
                lines.command(&login).await.expect(&login);
                socket.command(&login).await.expect(&login);
            }
            let doors: [(&str, &mut dyn Person); 2] =
                [("lines", &mut lines), ("websocket", &mut socket)];
            for (door, person) in doors {
                crate::support::until!("it may join", {
                    person.command(&format!("/join {room}")).await.is_ok()
                });
                for (command, right) in COMMANDS {
                    let victim = format!("v{walked}");
                    make(&db, &victim, "member", room).await;
                    let line = command.replace("VICTIM", &victim);
                    let answer = person.command(&line).await;
                    let told = answer.unwrap_or_else(|why| why);
                    let refused = told.starts_with("cannot ");
                    assert_eq!(
                        !refused,
                        may(role, right),
                        "{name} in {room} by {door}: {line}: {told}"
                    );
                    walked += 1;
                }
                let said = person.say(room, &format!("from {door}")).await;
                assert_eq!(
                    said.is_ok(),
                    may(role, "write"),
                    "{name} in {room} by {door}: {said:?}"
                );
                let made = person.command(&format!("/create r{walked}")).await;
                let made = made.is_ok_and(|told| told.contains("joined"));
                assert_eq!(made, may(role, "create_room"), "{name} by {door}");
                walked += 2;
            }
        }
    }
    println!("{walked} combinations");
    server.stop().await;
}

/// An account in the first workspace with that role in a room, as an operator makes it with SQL.
async fn make(db: &Db, nickname: &str, role: &str, room: &str) {
    db.sql(&format!(
        "INSERT INTO users (nickname, registered_at, password)
         SELECT '{nickname}', registered_at, password FROM users WHERE nickname = 'host'"
    ))
    .await;
    db.sql(&format!(
        "INSERT INTO workspace_members (workspace_id, user_id)
         SELECT 1, id FROM users WHERE nickname = '{nickname}'"
    ))
    .await;
    db.sql(&format!(
        "INSERT INTO room_members (room_id, user_id, role)
         SELECT r.id, u.id, '{role}' FROM rooms r, users u
         WHERE r.name = '{room}' AND u.nickname = '{nickname}'"
    ))
    .await;
    db.sql(&format!(
        "INSERT INTO rights_changes (room_id, user_id)
         SELECT r.id, u.id FROM rooms r, users u
         WHERE r.name = '{room}' AND u.nickname = '{nickname}'"
    ))
    .await;
}
