//! What people are to a workspace or a room, and what a room is to people.
use serde::{Deserialize, Serialize};

/// What a person is, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A client that has no session, or has not shown one yet. No account has it.
    Anonymous,
    /// A session under a nickname that is its own while it is online.
    Guest,
    Member,
    Moderator,
    Admin,
    Owner,
}

impl Role {
    pub const ALL: [Self; 6] = [
        Self::Anonymous,
        Self::Guest,
        Self::Member,
        Self::Moderator,
        Self::Admin,
        Self::Owner,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of that name which an account can be given.
    pub fn named(name: &str) -> Option<Self> {
        let mut given = Self::ALL.into_iter().filter(|role| *role >= Self::Guest);
        given.find(|role| role.as_str().eq_ignore_ascii_case(name))
    }
}

named! {
    /// Which people may see a room. The names are part of the interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum RoomKind {
        /// The members of its workspace, and guests in the first one.
        Public => "public",
        /// Its members.
        Private => "private",
        /// Its two to ten members, which never change.
        Direct => "direct",
    }
}

impl RoomKind {
    /// The kind of that name. One that this program does not know is kept from all but members.
    pub fn stored(name: &str) -> Self {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.as_str() == name)
            .unwrap_or(Self::Private)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_given_by_its_name() {
        assert_eq!(Role::named("Admin"), Some(Role::Admin));
        assert_eq!(Role::named("anonymous"), None);
        assert!(Role::Owner > Role::Admin && Role::Guest < Role::Member);
    }

    #[test]
    fn an_unknown_kind_is_for_members_alone() {
        assert_eq!(RoomKind::stored("public"), RoomKind::Public);
        assert_eq!(RoomKind::stored("of tomorrow"), RoomKind::Private);
    }
}
