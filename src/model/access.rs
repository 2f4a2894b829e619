//! Access: what a server requires of clients that read and speak.
use serde::Serialize;

named! {
    /// Which clients may read and speak.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum AccessMode {
        /// Guests too, in public rooms.
        Open => "open",
        /// People with an account.
        Members => "members",
        /// The same, and an account takes an invite.
        Invite => "invite",
    }
}

named! {
    /// Which clients may register an account.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Registration {
        /// Every client that reaches the server.
        Open => "open",
        /// People with an invite.
        Invite => "invite",
        /// Operators alone make accounts.
        Closed => "closed",
    }
}

named! {
    /// From where a password may be given over a connection that is not encrypted.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum PlaintextLogin {
        /// From this machine alone.
        Loopback => "loopback",
        Anywhere => "anywhere",
    }
}

/// What holds of these at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Access {
    pub mode: AccessMode,
    pub registration: Registration,
    pub plaintext_login: PlaintextLogin,
}

impl Access {
    /// What a server on loopback has unless it is told otherwise.
    pub const OPEN: Self = Self {
        mode: AccessMode::Open,
        registration: Registration::Open,
        plaintext_login: PlaintextLogin::Loopback,
    };
}
