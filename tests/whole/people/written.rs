//! What each kind of client may do in which room, written down apart from the table of the server.
use serde_json::Value;

/// Accounts, each with its role in `open` and `closed`, where it is a member of them.
pub(super) const MEMBERS: [(&str, &str); 5] = [
    ("insider", "member"),
    ("moderator", "moderator"),
    ("admin", "admin"),
    ("owner", "owner"),
    ("muted", "member"),
];

/// How far up a client is in a room that it sees.
fn rank(kind: &str) -> usize {
    let ranks = [
        "anonymous",
        "guest",
        "member",
        "moderator",
        "admin",
        "owner",
    ];
    let of = match kind {
        "insider" | "muted" | "outsider" => "member",
        kind => kind,
    };
    ranks.iter().position(|rank| *rank == of).expect("a rank")
}

fn least(right: &str) -> usize {
    match right {
        "see" | "read" | "mark" | "seen" | "thread" | "follow" => 0,
        "join" | "write" | "react" => 1,
        "invite" | "edit" | "delete" | "reply" => 2,
        "delete_any" | "pin" | "topic" | "slow" | "kick" | "mute" | "ban" => 3,
        "manage_room" | "manage_roles" => 4,
        other => panic!("no right: {other}"),
    }
}

pub(super) fn sees(kind: &str, room: &str) -> bool {
    match room {
        "open" => kind != "outsider",
        "closed" => MEMBERS.iter().any(|(name, _)| *name == kind),
        "acme/hall" => kind == "outsider",
        _ => false,
    }
}

/// The code of a refusal, or `ok`. An invite has a code as well, and no detail.
pub(super) fn refusal(answer: &Value) -> &str {
    let refused = answer.get("detail").and(answer["code"].as_str());
    refused.unwrap_or("ok")
}

/// The same as it is to be.
pub(super) fn expected(kind: &str, room: &str, right: &str) -> &'static str {
    // Of an account alone is known how far it has read.
    match kind {
        "anonymous" if right == "mark" => return "not_connected",
        "guest" if right == "mark" => return "account_needed",
        _ => {}
    }
    // What takes a session says so before it says anything of a room; whether it is one's own name that
    // is taken out of a room is looked at behind the wall.
    if kind == "anonymous" && least(right) > 0 && (right != "kick" || room == "open") {
        return "not_connected";
    }
    if !sees(kind, room) {
        return "no_such_room";
    }
    match kind {
        "banned" => "banned",
        "muted" if ["write", "react", "edit", "reply"].contains(&right) => "muted",
        // The message is the host's.
        _ if right == "edit" => "forbidden",
        _ if right == "seen" => "not_shown",
        // What takes an account says so only of a room that is seen.
        "anonymous" if right == "follow" => "not_connected",
        "guest" if right == "follow" => "account_needed",
        _ if rank(kind) < least(right) => "forbidden",
        // The message is the host's, an owner, which is above all of these.
        _ if right == "delete_any" => "forbidden",
        _ if ["thread", "follow", "reply", "delete"].contains(&right) => "no_such_message",
        _ => "ok",
    }
}
