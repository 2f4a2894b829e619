//! What can be done.

named! {
    /// What a role may do, or may not. The names are part of the interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Action {
        /// See a room and its members.
        See => "see",
        /// Read messages, live or old.
        Read => "read",
        Write => "write",
        React => "react",
        Thread => "thread",
        Upload => "upload",
        Invite => "invite",
        CreateRoom => "create_room",
        EditOwn => "edit_own",
        DeleteOwn => "delete_own",
        Pin => "pin",
        Topic => "topic",
        Slow => "slow",
        Kick => "kick",
        Mute => "mute",
        Ban => "ban",
        DeleteAny => "delete_any",
        ManageRoom => "manage_room",
        ManageRoles => "manage_roles",
        ManageTokens => "manage_tokens",
        Audit => "audit",
    }
}

impl Action {
    /// The action of that name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|action| action.as_str() == name)
    }

    /// What a muted person may not do. To say something otherwise is to say it.
    pub(super) fn is_speech(self) -> bool {
        matches!(
            self,
            Self::Write | Self::React | Self::Thread | Self::Upload | Self::EditOwn
        )
    }

    /// What people of a direct room may do there: it has no order that one of them keeps.
    pub(super) fn is_talk(self) -> bool {
        let own = matches!(self, Self::EditOwn | Self::DeleteOwn | Self::Pin);
        own || self.is_speech() || matches!(self, Self::See | Self::Read)
    }
}
