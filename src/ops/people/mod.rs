//! Accounts, as an operator makes, sees and changes them. What is done is in the audit log, and
//! instances that run follow within a second.
mod erase;
mod order;
mod rooms;
mod tokens;
mod walls;

use std::sync::Arc;

use crate::auth::password::{self, HashError, Hasher, WeakPassword};
use crate::auth::secret::InviteCode;
use crate::config::Config;
use crate::meter::Meters;
use crate::model::{NameError, Nickname, Password, Role, SessionKey, TopicTooLong};
use crate::policy::OverridesError;
use crate::store::{self, NewAccount, Options, Record, Store, StoreError};

pub use self::order::{Restraint, Whom};
pub use self::rooms::{Imposed, Member, NewRoom, Room, RoomSummary};
pub use self::tokens::{BotToken, Scopes, Tokening};
pub use self::walls::{Invite, Inviting, Workspace};
pub use crate::policy::{Action, usual};
pub use crate::store::{Account, Audited, SessionOf};

/// The actor in the audit log.
const ACTOR: &str = "operator";
/// Accounts that are read at once.
const PAGE: usize = 500;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    #[error("there is no account '{0}'")]
    NoAccount(String),
    #[error("'{0}' is an account already")]
    Taken(String),
    #[error("'{0}' is the only owner that is not disabled")]
    LastOwner(String),
    #[error("there is no person '{0}'")]
    NoUser(String),
    #[error("there is no room '{0}'")]
    NoRoom(String),
    #[error("'{0}' is always there, and cannot be deleted")]
    Lobby(String),
    #[error("there is a room '{0}' already")]
    RoomExists(String),
    #[error("'{0}' is a direct room: its people and settings never change")]
    Direct(String),
    #[error("'{name}' is not in the workspace '{workspace}'")]
    Outside { name: String, workspace: String },
    #[error(transparent)]
    Topic(#[from] TopicTooLong),
    #[error(transparent)]
    Overrides(#[from] OverridesError),
    #[error("there is no workspace '{0}'")]
    NoWorkspace(String),
    #[error("there is a workspace '{0}' already")]
    WorkspaceExists(String),
    #[error("there is not one invite whose id begins with '{0}'")]
    NoInvite(String),
    #[error("there is no token {0}")]
    NoToken(i64),
    #[error("'{0}' has as many tokens as an account may have")]
    TooManyTokens(String),
    #[error("cannot call a token so: {0}")]
    TokenName(String),
    #[error("a length of time beyond every calendar")]
    TooLong,
    #[error("'{0}' has no session of that id")]
    NoSession(String),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A password that was given, or one that is made up and told once.
#[derive(Debug)]
pub enum Chosen {
    Given(Password),
    Random,
}

/// The accounts of a deployment, whether it runs or not.
pub struct People {
    store: Arc<dyn Store>,
    hasher: Hasher,
}

impl People {
    /// # Errors
    /// Fails where the database cannot be opened, or does not fit this program.
    pub async fn open(config: &Config, command: &str) -> Result<Self, PeopleError> {
        let options = Options::of_command(config.db_url.expose(), command);
        let meters = Arc::new(Meters::default());
        let store = store::open(&options, meters.clone()).await?;
        let hasher = Hasher::new(meters);
        Ok(Self { store, hasher })
    }

    /// Lets go of the database.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// Makes an account with that role; the password, where it was made up.
    ///
    /// # Errors
    /// Fails where the name is none or an account's, or the password is weak.
    pub async fn create(
        &self,
        name: &str,
        role: Role,
        chosen: &Chosen,
    ) -> Result<(Account, Option<String>), PeopleError> {
        let nickname = Nickname::parse(name)?;
        let (hash, made_up) = self.hashed(&nickname, chosen).await?;
        let new = NewAccount {
            nickname: nickname.as_str(),
            password: Some(&hash),
            role: Some(role),
            ..NewAccount::default()
        };
        let made = self.store.register_account(&new, ACTOR).await?;
        if made.is_none() {
            return Err(PeopleError::Taken(nickname.as_str().to_owned()));
        }
        Ok((self.account(name).await?, made_up))
    }

    /// All accounts, by nickname.
    ///
    /// # Errors
    /// Fails where the database does.
    pub async fn list(&self) -> Result<Vec<Account>, PeopleError> {
        let mut found: Vec<Account> = Vec::new();
        loop {
            let after = found.last().map_or("", |last| &last.nickname);
            let page = self.store.accounts(after, PAGE).await?;
            let is_last = page.len() < PAGE;
            found.extend(page);
            if is_last {
                return Ok(found);
            }
        }
    }

    /// # Errors
    /// Fails where there is no account of that name.
    pub async fn account(&self, name: &str) -> Result<Account, PeopleError> {
        let account = self.store.account(name).await?;
        account.ok_or_else(|| PeopleError::NoAccount(name.to_owned()))
    }

    /// # Errors
    /// Fails where it is the only owner, which would be none then.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<Account, PeopleError> {
        let account = self.account(name).await?;
        if role != Role::Owner {
            self.leaves_an_owner(&account).await?;
        }
        let record = Record {
            detail: Some(role.as_str()),
            ..record("role", &account)
        };
        self.store.set_role(account.user, role, &record).await?;
        self.account(name).await
    }

    /// Gives it another password, which ends all its sessions; the password, where it was made up.
    ///
    /// # Errors
    /// Fails where that is weak.
    pub async fn set_password(
        &self,
        name: &str,
        chosen: &Chosen,
    ) -> Result<(Account, Option<String>), PeopleError> {
        let account = self.account(name).await?;
        let nickname = Nickname::stored(&account.nickname);
        let (hash, made_up) = self.hashed(&nickname, chosen).await?;
        let record = record("password", &account);
        let no_session: Option<&SessionKey> = None;
        let set = self
            .store
            .set_password(account.user, &hash, no_session, &record);
        set.await?;
        Ok((account, made_up))
    }

    /// Closes an account with all its sessions, or opens it again.
    ///
    /// # Errors
    /// Fails where it is the only owner.
    pub async fn set_disabled(&self, name: &str, to: Standing) -> Result<Account, PeopleError> {
        let account = self.account(name).await?;
        let (disabled, action) = match to {
            Standing::Disabled => (true, "disable"),
            Standing::Enabled => (false, "enable"),
        };
        if disabled {
            self.leaves_an_owner(&account).await?;
        }
        let record = record(action, &account);
        self.store
            .set_disabled(account.user, disabled, &record)
            .await?;
        self.account(name).await
    }

    /// The sessions of an account, the last used first.
    ///
    /// # Errors
    /// Fails where there is no such account.
    pub async fn sessions(&self, name: &str) -> Result<Vec<SessionOf>, PeopleError> {
        let account = self.account(name).await?;
        Ok(self.store.sessions_of(account.user).await?)
    }

    /// Ends the session of an account with that prefix of an id.
    ///
    /// # Errors
    /// Fails where there is none, or more than one.
    pub async fn end_session(&self, name: &str, id: &str) -> Result<(), PeopleError> {
        let account = self.account(name).await?;
        let all = self.store.sessions_of(account.user).await?;
        let mut meant = all.iter().filter(|session| session.key.starts_with(id));
        let (Some(session), None) = (meant.next(), meant.next()) else {
            return Err(PeopleError::NoSession(account.nickname));
        };
        let record = record("end_session", &account);
        let ended = self.store.end_session(account.user, &session.key, &record);
        ended.await?;
        Ok(())
    }

    /// The newest lines of the audit log before that one.
    ///
    /// # Errors
    /// Fails where the database does.
    pub async fn audited(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Audited>, PeopleError> {
        Ok(self.store.audited(None, before, limit).await?)
    }

    async fn hashed(
        &self,
        nickname: &Nickname,
        chosen: &Chosen,
    ) -> Result<(String, Option<String>), PeopleError> {
        let (password, made_up) = match chosen {
            Chosen::Given(password) => (password.clone(), None),
            Chosen::Random => {
                let made_up = InviteCode::random().secret();
                (Password::from(made_up.clone()), Some(made_up))
            }
        };
        password::check(&password, nickname)?;
        let hash = self.hasher.hash(&password).await?;
        Ok((hash.as_str().to_owned(), made_up))
    }

    /// Without an owner no person in the chat could make another.
    async fn leaves_an_owner(&self, account: &Account) -> Result<(), PeopleError> {
        if account.role != Some(Role::Owner) || account.disabled {
            return Ok(());
        }
        let all = self.list().await?;
        let another = all.iter().any(|other| {
            other.user != account.user && other.role == Some(Role::Owner) && !other.disabled
        });
        if another {
            return Ok(());
        }
        Err(PeopleError::LastOwner(account.nickname.clone()))
    }
}

/// What becomes of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Disabled,
    Enabled,
}

fn record<'a>(action: &'a str, account: &'a Account) -> Record<'a> {
    Record {
        actor: ACTOR,
        action,
        target: Some(&account.nickname),
        ..Record::default()
    }
}
