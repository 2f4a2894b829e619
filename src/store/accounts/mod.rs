//! Accounts: registered users, their passwords and sessions.
mod erase;
mod stored;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Record, StoreError};
use crate::model::{Role, RoomKind, RoomRef, Seq, SessionKey, UserKey};

pub use erase::Erasure;

/// A registered user.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    pub user: UserKey,
    pub nickname: String,
    pub display_name: Option<String>,
    /// As a PHC string; without one, another server vouches for it.
    pub password: Option<String>,
    pub disabled: bool,
    /// In the main workspace, if it is a member of that.
    pub role: Option<Role>,
    pub registered_at: DateTime<Utc>,
}

/// What an account is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewAccount<'a> {
    pub nickname: &'a str,
    pub display_name: Option<&'a str>,
    pub password: Option<&'a str>,
    /// Issuer and subject at an identity provider.
    pub subject: Option<&'a str>,
    /// In the main workspace, unless an invite says otherwise.
    pub role: Option<Role>,
    /// The digest of an invite, which is used up by this.
    pub invite: Option<&'a str>,
}

/// A session of an account, as its owner sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionOf {
    pub key: String,
    pub transport: String,
    pub online: bool,
    pub address: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
}

/// A room that a user is a member of.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomOf {
    pub room: RoomRef,
    pub kind: RoomKind,
    /// In this room alone.
    pub role: Option<Role>,
    pub topic: Option<String>,
    pub last_seq: Seq,
}

/// Failed logins under a key, which is a digest of an account's name or of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failures {
    pub key: String,
    pub count: u32,
    pub last_at: DateTime<Utc>,
}

/// Registered users: their passwords, and the sessions that are logged in to them.
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    async fn account(&self, nickname: &str) -> Result<Option<Account>, StoreError>;

    async fn account_of(&self, user: UserKey) -> Result<Option<Account>, StoreError>;

    /// The account for which another server vouches under that name.
    async fn account_by_subject(&self, subject: &str) -> Result<Option<Account>, StoreError>;

    /// Those with nicknames after this one, in order.
    async fn accounts(&self, after: &str, limit: usize) -> Result<Vec<Account>, StoreError>;

    async fn has_accounts(&self) -> Result<bool, StoreError>;

    /// Makes an account of the user with that nickname, with what it has said and made so far.
    /// `None` where the nickname is an account's, or the invite is used up; both at once cannot be told
    /// apart here.
    async fn register_account(
        &self,
        new: &NewAccount<'_>,
        by: &str,
    ) -> Result<Option<UserKey>, StoreError>;

    /// Gives it another password, and ends its sessions but `keep`.
    async fn set_password(
        &self,
        user: UserKey,
        password: &str,
        keep: Option<&SessionKey>,
        record: &Record<'_>,
    ) -> Result<(), StoreError>;

    /// Gives it another role in the main workspace.
    async fn set_role(
        &self,
        user: UserKey,
        role: Role,
        record: &Record<'_>,
    ) -> Result<(), StoreError>;

    /// The same password, hashed otherwise.
    async fn rehash(&self, user: UserKey, before: &str, now: &str) -> Result<(), StoreError>;

    /// Closes an account, with all its sessions, or opens it again.
    async fn set_disabled(
        &self,
        user: UserKey,
        disabled: bool,
        record: &Record<'_>,
    ) -> Result<(), StoreError>;

    /// Takes away all that names an account's person: its sessions, tokens, password, names, roles and
    /// restrictions. Its messages stay, under the pseudonym; its nickname is a closed account's that
    /// nothing else is known of. The audit log stays as it is.
    async fn erase_account(
        &self,
        user: UserKey,
        erasure: &Erasure<'_>,
        record: &Record<'_>,
    ) -> Result<(), StoreError>;

    /// The sessions of an account, the last used first; 200 at most.
    async fn sessions_of(&self, user: UserKey) -> Result<Vec<SessionOf>, StoreError>;

    /// Ends a session of an account; false if it has no such one.
    async fn end_session(
        &self,
        user: UserKey,
        key: &str,
        record: &Record<'_>,
    ) -> Result<bool, StoreError>;

    /// Those of these sessions that are there.
    async fn alive_sessions(&self, keys: &[&str]) -> Result<Vec<String>, StoreError>;

    /// What is known of failed logins under these keys.
    async fn failures(&self, keys: &[&str]) -> Result<Vec<Failures>, StoreError>;

    /// Writes `now` in the place of what was read before; false where another was quicker.
    async fn failed(&self, before: Option<&Failures>, now: &Failures) -> Result<bool, StoreError>;

    /// Nothing failed under that key any more.
    async fn succeeded(&self, key: &str) -> Result<(), StoreError>;

    /// One that was counted as failed did not.
    async fn forgive(&self, key: &str) -> Result<(), StoreError>;

    /// From which address a session is used.
    async fn session_from(&self, key: &SessionKey, address: Option<&str>)
    -> Result<(), StoreError>;

    /// Whether an invite is there, not used up and not over.
    async fn invite_holds(&self, digest: &str) -> Result<bool, StoreError>;

    /// The rooms that a user is a member of, by name; 1,000 at most.
    async fn rooms_of(&self, user: UserKey) -> Result<Vec<RoomOf>, StoreError>;
}
