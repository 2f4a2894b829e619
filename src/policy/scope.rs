//! What a token may be used for: a cap on what its account's role may do.
use super::Action;

named! {
    /// A part of what can be done. The names are part of the interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Scope {
        /// Read rooms.
        Read => "read",
        /// Speak in them.
        Write => "write",
        /// All else that the role may do.
        Manage => "manage",
    }
}

impl Scope {
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|scope| scope.as_str() == name)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The scope that an action takes; `None` where each will do.
pub const fn scope_of(action: Action) -> Option<Scope> {
    match action {
        Action::See => None,
        Action::Read => Some(Scope::Read),
        Action::Write
        | Action::React
        | Action::Thread
        | Action::Upload
        | Action::EditOwn
        | Action::DeleteOwn => Some(Scope::Write),
        Action::Invite
        | Action::CreateRoom
        | Action::Pin
        | Action::Topic
        | Action::Slow
        | Action::Kick
        | Action::Mute
        | Action::Ban
        | Action::DeleteAny
        | Action::ManageRoom
        | Action::ManageRoles
        | Action::ManageTokens
        | Action::Audit => Some(Scope::Manage),
    }
}

/// One scope or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

/// Why scopes are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    #[error("a token needs one scope at least: read, write or manage")]
    None,
    #[error("there is no scope '{0}': expected read, write or manage")]
    Unknown(String),
}

impl Scopes {
    /// Those of these names.
    ///
    /// # Errors
    /// There is none, or a name of none.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopesError> {
        let mut bits = 0;
        for name in names {
            let unknown = || {
                let plain = name.chars().filter(|c| !c.is_control()).take(32);
                ScopesError::Unknown(plain.collect())
            };
            bits |= Scope::named(name).ok_or_else(unknown)?.bit();
        }
        if bits == 0 {
            return Err(ScopesError::None);
        }
        Ok(Self(bits))
    }

    /// Those that are stored, with blanks between; what is not understood there gives nothing.
    pub fn stored(text: &str) -> Self {
        let known = text.split(' ').filter_map(Scope::named);
        Self(known.fold(0, |bits, scope| bits | scope.bit()))
    }

    pub fn names(self) -> Vec<&'static str> {
        let all = Scope::ALL.iter();
        let mine = all.filter(|scope| self.0 & scope.bit() != 0);
        mine.map(|scope| scope.as_str()).collect()
    }

    /// Whether they let an action through that the role allows.
    pub fn allow(self, action: Action) -> bool {
        scope_of(action).is_none_or(|scope| self.0 & scope.bit() != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_and_kept_as_they_are_written() {
        let some = Scopes::parse(["write", "read", "read"]).expect("scopes");
        assert_eq!(some.names(), ["read", "write"]);
        assert_eq!(Scopes::stored(&some.names().join(" ")), some);
        assert_eq!(Scopes::parse([]), Err(ScopesError::None));
        let unknown = Scopes::parse(["read", "admin\n"]).expect_err("unknown");
        assert!(unknown.to_string().contains("'admin'"), "{unknown}");
        assert_eq!(Scopes::stored("everything").names(), [""; 0]);
    }

    #[test]
    fn a_scope_lets_its_own_part_through() {
        let of = |name| Scopes::parse([name]).expect("a scope");
        for (name, yes, no) in [
            ("read", Action::Read, Action::Write),
            ("write", Action::Write, Action::Read),
            ("manage", Action::CreateRoom, Action::Write),
            ("write", Action::DeleteOwn, Action::DeleteAny),
        ] {
            assert!(of(name).allow(yes) && !of(name).allow(no), "{name}");
            assert!(of(name).allow(Action::See));
        }
        let none = Scopes::stored("");
        assert!(!none.allow(Action::Read) && !none.allow(Action::Audit));
    }
}
