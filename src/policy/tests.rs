//! The whole product of roles, kinds, actions and circumstances, against what is written down here apart
//! from the table.
use super::*;
use crate::model::{Role, RoomKind};

/// What each role may do in a public room beyond the role before it.
const ADDS: [(Role, &str); 6] = [
    (Role::Anonymous, "see read"),
    (Role::Guest, "write react"),
    (
        Role::Member,
        "thread upload invite create_room edit_own delete_own",
    ),
    (Role::Moderator, "pin topic slow kick mute ban delete_any"),
    (Role::Admin, "manage_room manage_roles manage_tokens audit"),
    (Role::Owner, ""),
];
const SPEECH: &str = "write react thread upload edit_own";
const DIRECT: &str = "see read write react thread upload edit_own delete_own pin";

fn has(list: &str, action: Action) -> bool {
    list.split(' ').any(|name| name == action.as_str())
}

fn adds_up_to(role: Role, action: Action) -> bool {
    let mut known = ADDS.iter().filter(|(of, _)| *of <= role);
    known.any(|(_, adds)| has(adds, action))
}

/// What must hold, said without the table.
fn must_hold(action: Action, at: &Standing<'_>) -> bool {
    let Some(role) = at.role else { return false };
    let account = role >= Role::Member;
    let let_in = account || at.admission != Admission::Accounts;
    let founds =
        at.admission == Admission::Founding && action == Action::CreateRoom && role == Role::Guest;
    match at.kind {
        RoomKind::Public | RoomKind::Private => {
            let_in
                && (at.kind == RoomKind::Public || (account && at.member))
                && !at.restricted.banned
                && !(at.restricted.muted && has(SPEECH, action))
                && (founds || adds_up_to(role, action))
        }
        RoomKind::Direct => account && at.member && has(DIRECT, action),
    }
}

#[test]
fn every_combination_is_as_it_is_written_down() {
    let usual = Overrides::default();
    let roles = Role::ALL.into_iter().map(Some).chain([None]);
    let mut walked = 0;
    for role in roles {
        for kind in RoomKind::ALL.iter().copied() {
            for bits in 0..24 {
                let at = Standing {
                    admission: [Admission::Founding, Admission::Open, Admission::Accounts]
                        [bits / 8],
                    role,
                    kind,
                    member: bits & 1 != 0,
                    restricted: Restricted {
                        banned: bits & 2 != 0,
                        muted: bits & 4 != 0,
                    },
                    overrides: &usual,
                };
                for action in Action::ALL.iter().copied() {
                    let answer = allow(action, &at);
                    assert_eq!(
                        answer.is_ok(),
                        must_hold(action, &at),
                        "{action:?} {at:?}: {answer:?}"
                    );
                    walked += 1;
                }
            }
        }
    }
    assert_eq!(walked, 7 * 3 * 24 * 21);
}

#[test]
fn an_override_takes_another_role_and_opens_no_wall() {
    let some = serde_json::json!({"write": "moderator", "pin": "guest", "read": "member"});
    let some = Overrides::default().changed(&some).expect("good changes");
    let at = |role, kind, member| Standing {
        admission: Admission::Open,
        role: Some(role),
        kind,
        member,
        restricted: Restricted::default(),
        overrides: &some,
    };
    let public = |role| at(role, RoomKind::Public, false);
    assert_eq!(
        allow(Action::Write, &public(Role::Member)),
        Err(Denied::Needs(Action::Write, Role::Moderator))
    );
    assert!(allow(Action::Write, &public(Role::Moderator)).is_ok());
    assert!(allow(Action::Pin, &public(Role::Guest)).is_ok());
    assert_eq!(
        allow(Action::Read, &public(Role::Anonymous)),
        Err(Denied::NeedsSession)
    );
    assert!(allow(Action::Read, &public(Role::Guest)).is_err());
    let private = at(Role::Owner, RoomKind::Private, false);
    assert_eq!(allow(Action::Read, &private), Err(Denied::Hidden));
    // In a direct room all are alike.
    assert!(allow(Action::Write, &at(Role::Member, RoomKind::Direct, true)).is_ok());
}

#[test]
fn a_room_that_is_hidden_is_hidden_whatever_is_asked() {
    let usual = Overrides::default();
    for action in Action::ALL.iter().copied() {
        for kind in [RoomKind::Private, RoomKind::Direct] {
            for banned in [false, true] {
                let at = Standing {
                    admission: Admission::Open,
                    role: Some(Role::Owner),
                    kind,
                    member: false,
                    restricted: Restricted {
                        banned,
                        muted: banned,
                    },
                    overrides: &usual,
                };
                assert_eq!(allow(action, &at), Err(Denied::Hidden));
            }
        }
    }
}

#[test]
fn nothing_is_done_to_a_role_above_ones_own() {
    for actor in Role::ALL {
        for target in Role::ALL {
            assert_eq!(allow_on(actor, target).is_ok(), target <= actor);
        }
    }
}
