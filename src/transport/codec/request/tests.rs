//! Frames and requests, read as what they ask for.
use super::*;
use crate::chat::PageFrom;
use serde_json::json;

fn read(frame: Value) -> Result<Command, Wrong> {
    let request: Request = serde_json::from_value(frame).expect("a request");
    request.command()
}

#[test]
fn a_number_may_come_as_a_text() {
    let history = Command::History {
        room: Target::Named("den".into()),
        from: PageFrom::Before("40".parse().ok()),
        limit: Some(PAGE),
    };
    for before in [json!(40), json!("40")] {
        let frame = json!({"type": "history", "room": "den", "before": before});
        assert_eq!(read(frame), Ok(history.clone()));
    }
    for wrong in [json!(-1), json!(4.5), json!("x"), json!(["40"])] {
        let frame = json!({"type": "history", "room": "den", "before": wrong});
        let told = read(frame).expect_err("no number").to_string();
        assert_eq!(told, "'before' is a whole number");
    }
}

#[test]
fn a_member_is_let_in_or_given_a_role() {
    let set = |role: Value| {
        read(json!({"type": "set_member", "room": "den", "nickname": "bob", "role": role}))
    };
    let (room, nickname) = (Target::Named("den".into()), "bob".to_owned());
    let invite = Command::Invite {
        room: room.clone(),
        nickname: nickname.clone(),
    };
    assert_eq!(set(Value::Null), Ok(invite));
    let role = Command::Role {
        room,
        nickname,
        role: "admin".into(),
    };
    assert_eq!(set(json!("admin")), Ok(role));
}

#[test]
fn what_is_wrong_is_named() {
    let told = |frame| read(frame).expect_err("wrong").to_string();
    let ban = json!({"type": "ban", "room": "den", "nickname": "bob", "until": "tomorrow"});
    assert!(told(ban).starts_with("'until' is a time"));
    let direct = json!({"type": "create_room", "name": "den", "kind": "direct"});
    assert_eq!(told(direct), "'kind' is public or private");
    assert!(told(json!({"type": "invite", "role": "king"})).starts_with("'role' is"));
}
