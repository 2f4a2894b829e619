//! The table, and how it is read.
use super::{Action, Standing};
use crate::model::{Role, RoomKind};

/// Whether people without an account are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Guests read and speak in public rooms, and make some: there is no account yet that could.
    Founding,
    /// Guests read and speak in public rooms.
    Open,
    /// Accounts only.
    Accounts,
}

/// Why an action is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It takes a session.
    NeedsSession,
    /// It takes a client that has no session yet.
    HasSession,
    /// It takes an account, here.
    NeedsAccount,
    /// The room is to be as if it were not there.
    Hidden,
    Banned,
    Muted,
    /// It takes at least that role.
    Needs(Action, Role),
    /// A direct room has no order that one of its people keeps.
    Direct(Action),
    /// It was to be done to a role above the actor's own.
    Above(Role),
}

/// The least role for an action where a room says nothing else. What a role may do, all above it may.
pub const fn usual(action: Action) -> Role {
    match action {
        // A client without a session reads where guests do.
        Action::See | Action::Read => Role::Anonymous,
        Action::Write | Action::React => Role::Guest,
        Action::Thread
        | Action::Upload
        | Action::Invite
        | Action::CreateRoom
        | Action::EditOwn
        | Action::DeleteOwn => Role::Member,
        Action::Pin
        | Action::Topic
        | Action::Slow
        | Action::Kick
        | Action::Mute
        | Action::Ban
        | Action::DeleteAny => Role::Moderator,
        Action::ManageRoom | Action::ManageRoles | Action::ManageTokens | Action::Audit => {
            Role::Admin
        }
    }
}

/// Whether an actor that stands like that may do `action`.
///
/// # Errors
/// Says why not.
pub fn allow(action: Action, at: &Standing<'_>) -> Result<(), Denied> {
    let Some(role) = at.role else {
        return Err(Denied::Hidden);
    };
    if role < Role::Member && at.admission == Admission::Accounts {
        return Err(Denied::NeedsAccount);
    }
    // A guest's nickname is another's tomorrow, so a guest is no member that a wall lets in.
    let inside = at.member && role >= Role::Member;
    if at.kind != RoomKind::Public && !inside {
        return Err(Denied::Hidden);
    }
    if at.restricted.banned && at.kind != RoomKind::Direct {
        return Err(Denied::Banned);
    }
    if at.kind == RoomKind::Direct && !action.is_talk() {
        return Err(Denied::Direct(action));
    }
    let usual = match (at.admission, action) {
        (Admission::Founding, Action::CreateRoom) => Role::Guest,
        _ => usual(action),
    };
    let least = at.overrides.least(action).unwrap_or(usual);
    if at.kind != RoomKind::Direct && role < least {
        return Err(match role {
            Role::Anonymous => Denied::NeedsSession,
            _ => Denied::Needs(action, least),
        });
    }
    if at.restricted.muted && action.is_speech() && at.kind != RoomKind::Direct {
        return Err(Denied::Muted);
    }
    Ok(())
}

/// Whether what `actor` may do at all may be done to a person with the role `target`.
///
/// # Errors
/// Fails where that role is above its own.
pub fn allow_on(actor: Role, target: Role) -> Result<(), Denied> {
    if target > actor {
        return Err(Denied::Above(target));
    }
    Ok(())
}
