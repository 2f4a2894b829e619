//! What may be done, by whom and where: one table, without I/O. `Chat::act` asks it for every
//! command, and nothing else asks it.

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A client that has no session, or has not shown one yet.
    Anonymous,
    /// A session under a nickname that is its own while it is online.
    Guest,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Begin a session, or come back to one.
    Connect,
    /// End the session.
    Disconnect,
    /// Ask what can be asked for.
    Ask,
    /// Take another nickname.
    Rename,
    /// See which rooms there are, and who is online.
    See,
    CreateRoom,
    Join,
    Leave,
    /// Read messages, live or old.
    Read,
    Write,
}

/// How the actor stands to the room that an action is about. Every room is public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The action is about no room.
    None,
    Member,
    Outsider,
}

/// Why an action is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It takes a session.
    NeedsSession,
    /// It takes a client that has no session yet.
    HasSession,
}

/// Whether `role` may do `action` in a room to which it stands like that.
///
/// # Errors
/// Says why it may not.
pub fn allow(role: Role, action: Action, room: Room) -> Result<(), Denied> {
    match (role, action, room) {
        (Role::Anonymous, Action::Connect, _) => Ok(()),
        (Role::Guest, Action::Connect, _) => Err(Denied::HasSession),
        // Rooms are public: every client that reaches the server sees and reads them.
        (_, Action::See | Action::Read, _) => Ok(()),
        (Role::Anonymous, _, _) => Err(Denied::NeedsSession),
        // A message takes no membership.
        (Role::Guest, _, Room::None | Room::Member | Room::Outsider) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 2] = [Role::Anonymous, Role::Guest];
    const ROOMS: [Room; 3] = [Room::None, Room::Member, Room::Outsider];
    const ACTIONS: [Action; 10] = [
        Action::Connect,
        Action::Disconnect,
        Action::Ask,
        Action::Rename,
        Action::See,
        Action::CreateRoom,
        Action::Join,
        Action::Leave,
        Action::Read,
        Action::Write,
    ];
    /// What holds, written down apart from the table. A room makes no difference; all else is
    /// denied.
    const ALLOWED: [(Role, &str); 2] = [
        (Role::Anonymous, "Connect See Read"),
        (
            Role::Guest,
            "Disconnect Ask Rename See CreateRoom Join Leave Read Write",
        ),
    ];

    /// Fails to compile when a role, an action or a room is added and not walked below.
    fn is_walked(role: Role, action: Action, room: Room) {
        match role {
            Role::Anonymous | Role::Guest => {}
        }
        match room {
            Room::None | Room::Member | Room::Outsider => {}
        }
        match action {
            Action::Connect
            | Action::Disconnect
            | Action::Ask
            | Action::Rename
            | Action::See
            | Action::CreateRoom
            | Action::Join
            | Action::Leave
            | Action::Read
            | Action::Write => {}
        }
    }

    #[test]
    fn every_role_may_do_what_is_written_down_and_nothing_else() {
        for (role, (of, allowed)) in ROLES.into_iter().zip(ALLOWED) {
            assert_eq!(role, of);
            for (action, room) in ACTIONS.into_iter().flat_map(|a| ROOMS.map(|r| (a, r))) {
                is_walked(role, action, room);
                let may = allowed.split(' ').any(|name| name == format!("{action:?}"));
                let answer = allow(role, action, room);
                assert_eq!(
                    answer.is_ok(),
                    may,
                    "{role:?} {action:?} {room:?}: {answer:?}"
                );
            }
        }
    }
}
