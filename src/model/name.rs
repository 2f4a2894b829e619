//! Nicknames and room names: the same characters, compared without case.
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::UserKey;

/// The room that always can be joined: it comes into being when it is first named.
pub const LOBBY: &str = "general";
/// Not a room, because `room:headcount` is a channel of its own between instances.
const HEADCOUNT: &str = "headcount";
/// Neither a room nor a person: what the server itself says is signed `[system]`, and `.` and
/// `..` mean something else in the path of a URL.
const RESERVED: [&str; 4] = [HEADCOUNT, "system", ".", ".."];
/// No name that a database may hold and that is asked for is longer.
const MOST_ASKED: usize = 256;

/// Why a nickname or a room name is refused; the text is meant for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a {what} has 1 to {max} characters, this has {found}")]
    Length {
        what: &'static str,
        max: usize,
        found: usize,
    },
    #[error("a {what} is made of letters a-z, digits, '_', '-' and '.'")]
    Character { what: &'static str },
    #[error("'{name}' is reserved; choose another {what}")]
    Reserved {
        what: &'static str,
        name: &'static str,
    },
}

/// Who a client is while online: 1–32 characters, unique without regard to case.
#[derive(Clone)]
pub struct Nickname(Arc<str>);

impl Nickname {
    pub const MAX: usize = 32;

    /// One that may be taken from now on.
    pub fn parse(raw: &str) -> Result<Self, NameError> {
        let name = check(Self::WHAT, Self::MAX, raw)?;
        free(Self::WHAT, &name).map(|()| Self(name))
    }

    /// One that may have been taken once, before some were reserved.
    pub fn parse_old(raw: &str) -> Result<Self, NameError> {
        check(Self::WHAT, Self::MAX, raw).map(Self)
    }

    const WHAT: &str = "nickname";
}

/// A room's name: 1–64 characters, compared without regard to case.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomName(Arc<str>);

impl RoomName {
    pub const MAX: usize = 64;

    const WHAT: &str = "room name";

    /// One that a room may be given from now on: plain in the first workspace, `workspace/room` in
    /// another.
    pub fn parse(raw: &str) -> Result<Self, NameError> {
        let Some((workspace, room)) = raw.split_once('/') else {
            let name = check(Self::WHAT, Self::MAX, raw)?;
            return free(Self::WHAT, &name).map(|()| Self(name));
        };
        let workspace = WorkspaceName::parse(workspace)?;
        let room = check(Self::WHAT, Self::MAX, room)?;
        free(Self::WHAT, &room)?;
        if workspace.is_main() {
            return Ok(Self(room));
        }
        Ok(Self(format!("{}/{room}", workspace.as_str()).into()))
    }

    /// Whether it is a direct room's.
    pub fn is_direct(&self) -> bool {
        let uids = self.0.strip_prefix('@');
        let is_number = |uid: &str| !uid.is_empty() && uid.bytes().all(|b| b.is_ascii_digit());
        uids.is_some_and(|uids| uids.split('+').all(is_number))
    }

    /// One that a room may have been given once, before some were reserved. `headcount` never was.
    pub fn parse_old(raw: &str) -> Result<Self, NameError> {
        let name = check(Self::WHAT, Self::MAX, raw)?;
        if name.eq_ignore_ascii_case(HEADCOUNT) {
            free(Self::WHAT, &name).map(|()| Self(name))
        } else {
            Ok(Self(name))
        }
    }

    /// One by which a room is asked for that an operator may have put into the database by hand;
    /// the error is for when there is none.
    pub fn asked(raw: &str) -> (Option<Self>, Result<(), NameError>) {
        let fits = Self::parse(raw).map(drop);
        let may_be = !raw.is_empty() && raw.len() <= MOST_ASKED && !raw.contains(char::is_control);
        (may_be.then(|| Self::stored(raw)), fits)
    }

    /// The workspace that the name says, if it is not the first.
    pub fn workspace(&self) -> Option<&str> {
        self.0.split_once('/').map(|(workspace, _)| workspace)
    }

    /// The direct room of these users, whichever of them asks for it: in a database that went back, or
    /// another one, their ids may be others', and their uids are not.
    pub fn of_direct(people: &[UserKey]) -> Self {
        let mut uids: Vec<i64> = people.iter().map(|user| user.uid.get()).collect();
        uids.sort_unstable();
        let uids: Vec<String> = uids.iter().map(i64::to_string).collect();
        Self(format!("@{}", uids.join("+")).into())
    }

    pub fn is_lobby(&self) -> bool {
        self.0.eq_ignore_ascii_case(LOBBY)
    }
}

/// The workspace of rooms without a workspace in their name.
pub const MAIN: &str = "main";

/// A workspace's name: 1–32 characters, compared without regard to case.
#[derive(Clone)]
pub struct WorkspaceName(Arc<str>);

impl WorkspaceName {
    pub const MAX: usize = 32;

    const WHAT: &str = "workspace name";

    pub fn parse(raw: &str) -> Result<Self, NameError> {
        let name = check(Self::WHAT, Self::MAX, raw)?;
        free(Self::WHAT, &name).map(|()| Self(name))
    }

    pub fn is_main(&self) -> bool {
        self.0.eq_ignore_ascii_case(MAIN)
    }
}

/// Refuses what is reserved, in any case.
fn free(what: &'static str, name: &str) -> Result<(), NameError> {
    let taken = RESERVED.iter().find(|r| r.eq_ignore_ascii_case(name));
    taken.map_or(Ok(()), |name| Err(NameError::Reserved { what, name }))
}

fn check(what: &'static str, max: usize, raw: &str) -> Result<Arc<str>, NameError> {
    let found = raw.chars().count();
    if found == 0 || found > max {
        return Err(NameError::Length { what, max, found });
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if !raw.bytes().all(fits) {
        return Err(NameError::Character { what });
    }
    Ok(raw.into())
}

/// What both names can do: be shown as typed, and be compared by their folded form.
macro_rules! name_traits {
    ($name:ident) => {
        impl $name {
            /// A name as the database holds it, which an operator may have put there by hand.
            pub fn stored(name: &str) -> Self {
                Self(name.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn shared(&self) -> Arc<str> {
                self.0.clone()
            }

            /// The form in which two names are the same name.
            pub fn key(&self) -> String {
                self.0.to_ascii_lowercase()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0
                    .bytes()
                    .for_each(|b| b.to_ascii_lowercase().hash(state));
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    };
}

name_traits!(Nickname);
name_traits!(RoomName);
name_traits!(WorkspaceName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case() {
        let typed = Nickname::parse("Alice").expect("a good name");
        assert_eq!(typed, Nickname::parse("aLICE").expect("a good name"));
        assert_eq!(typed.as_str(), "Alice");
        assert_eq!(typed.key(), "alice");
    }

    #[test]
    fn names_are_bounded_and_plain() {
        for bad in ["", "a b", "café", "a\u{7}", "x/y", &"n".repeat(33)] {
            assert!(Nickname::parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(Nickname::parse(&"n".repeat(32)).is_ok());
        assert!(RoomName::parse(&"n".repeat(64)).is_ok());
    }

    #[test]
    fn what_means_something_else_is_no_name_any_more() {
        for name in ["HeadCount", "System", "system", "SYSTEM", ".", ".."] {
            let room = RoomName::parse(name).expect_err(name);
            let nickname = Nickname::parse(name).expect_err(name);
            assert!(
                room.to_string().contains("choose another room name"),
                "{room}"
            );
            assert!(
                nickname.to_string().contains("choose another nickname"),
                "{nickname}"
            );
            assert!(Nickname::parse_old(name).is_ok());
            assert_eq!(RoomName::parse_old(name).is_ok(), name != "HeadCount");
        }
        for name in ["systems", "...", "a.", "headcounts"] {
            assert!(RoomName::parse(name).is_ok() && Nickname::parse(name).is_ok());
        }
    }

    #[test]
    fn a_room_may_be_in_a_workspace() {
        let room = RoomName::parse("Acme/general").expect("a good name");
        assert_eq!(
            (room.workspace(), room.key().as_str()),
            (Some("Acme"), "acme/general")
        );
        let plain = RoomName::parse("main/general").expect("a good name");
        assert_eq!((plain.workspace(), plain.as_str()), (None, "general"));
        for bad in [
            "/general",
            "acme/",
            "a/b/c",
            "acme/system",
            "system/den",
            "a b/den",
        ] {
            assert!(RoomName::parse(bad).is_err(), "{bad}");
        }
        assert!(RoomName::parse(&format!("{}/{}", "w".repeat(32), "r".repeat(64))).is_ok());
        assert!(RoomName::parse(&format!("{}/r", "w".repeat(33))).is_err());
    }

    #[test]
    fn a_room_is_asked_for_by_whatever_name_it_may_have() {
        assert!(matches!(RoomName::asked("ops"), (Some(_), Ok(()))));
        assert!(matches!(RoomName::asked("system"), (Some(_), Err(_))));
        assert!(matches!(RoomName::asked("a b"), (Some(_), Err(_))));
        for never in ["", "a\u{1b}", &"x".repeat(300)] {
            assert!(matches!(RoomName::asked(never), (None, Err(_))), "{never}");
        }
    }
}
