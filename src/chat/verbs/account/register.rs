//! Make an account of a nickname, with what was said under it so far.
use std::sync::Arc;

use super::login::{connection_of, logged_in};
use super::{Actor, Chat, ChatError, Outcome, Session};
use crate::auth::password;
use crate::auth::secret::InviteCode;
use crate::model::{DisplayName, Nickname, Password, Registration};
use crate::store::{Changed, Naming, NewAccount};

/// What an account is made of.
#[derive(Debug, Clone)]
pub struct Registering {
    /// That of the session, where it has one.
    pub nickname: Option<String>,
    pub password: Password,
    pub invite: Option<String>,
    pub display_name: Option<String>,
}

impl Chat {
    /// The same for the session of a connection, as it is typed: where it takes an invite, that is the
    /// last word.
    pub(in crate::chat) async fn register_here(
        &self,
        actor: &Actor,
        typed: Password,
    ) -> Result<Outcome, ChatError> {
        connection_of(actor)?;
        let (password, invite) = match typed.secret().trim().rsplit_once(' ') {
            Some((password, code)) if self.access().registration == Registration::Invite => (
                Password::from(password.trim().to_owned()),
                Some(code.to_owned()),
            ),
            _ => (typed, None),
        };
        let new = Registering {
            nickname: None,
            password,
            invite,
            display_name: None,
        };
        self.register(actor, new).await?;
        logged_in(actor)
    }

    /// Registers the nickname of the actor's session, or one that no session online has; the session
    /// is logged in.
    pub(in crate::chat) async fn register(
        &self,
        actor: &Actor,
        new: Registering,
    ) -> Result<Arc<Session>, ChatError> {
        self.may_tell_password(actor)?;
        let registration = self.access().registration;
        if registration == Registration::Closed {
            return Err(ChatError::RegistrationClosed);
        }
        let nickname = nickname_of(actor, new.nickname.as_deref())?;
        let display_name = new
            .display_name
            .as_deref()
            .map(DisplayName::parse)
            .transpose();
        let display_name = display_name.map_err(|e| ChatError::BadDisplayName(e.to_string()))?;
        let invite = new.invite.as_deref().map(InviteCode::parse);
        let invite = match (invite, registration) {
            (Some(None), _) | (None, Registration::Invite) => return Err(ChatError::BadInvite),
            (Some(Some(code)), _) => Some(code.digest().to_string()),
            (None, _) => None,
        };
        password::check(&new.password, &nickname)
            .map_err(|weak| ChatError::BadPassword(weak.to_string()))?;
        // The nickname is held meanwhile, so that no other session is in it.
        let held = match actor.session() {
            Some(session) => session.clone(),
            None => {
                let naming = Naming::Chosen;
                let session = self.begin(nickname.clone(), naming, actor.transport());
                self.hold(actor, session).await?
            }
        };
        held.state.lock().registers = true;
        let registered = self
            .register_held(actor, &held, &new, display_name, invite)
            .await;
        held.state.lock().registers = false;
        if registered.is_err() && actor.session().is_none() {
            self.disconnect(&held).await?;
        }
        registered
    }

    /// Has a session that begins online under its nickname.
    pub(super) async fn hold(
        &self,
        actor: &Actor,
        session: Arc<Session>,
    ) -> Result<Arc<Session>, ChatError> {
        self.admit_session(actor.origin())?;
        self.has_place()?;
        self.presence.claim(&session).await?;
        Ok(self.presence.insert(session))
    }

    async fn register_held(
        &self,
        actor: &Actor,
        held: &Arc<Session>,
        new: &Registering,
        display_name: Option<DisplayName>,
        invite: Option<String>,
    ) -> Result<Arc<Session>, ChatError> {
        let nickname = held.nickname();
        // An invite is tried before the password costs anything.
        if let Some(invite) = &invite
            && !self.store().invite_holds(invite).await?
        {
            return Err(ChatError::BadInvite);
        }
        let hash = self.hasher.hash(&new.password).await?;
        let account = NewAccount {
            nickname: nickname.as_str(),
            display_name: display_name.as_ref().map(DisplayName::as_str),
            password: Some(hash.as_str()),
            invite: invite.as_deref(),
            ..NewAccount::default()
        };
        let made = self
            .store()
            .register_account(&account, nickname.as_str())
            .await?;
        if made.is_none() {
            return Err(match self.store().account(nickname.as_str()).await? {
                Some(_) => ChatError::NicknameOwned(nickname),
                None => ChatError::BadInvite,
            });
        }
        self.rights.found();
        // Rooms that were made under the nickname have an owner now.
        self.rights_changed_here(&Changed::default());
        let account = self.store().account(nickname.as_str()).await?;
        let account = account.ok_or_else(|| ChatError::internal(&"a new account is not there"))?;
        let actor = actor.clone().with_session(held.clone());
        self.enter_account(&actor, &account).await
    }
}

fn nickname_of(actor: &Actor, wanted: Option<&str>) -> Result<Nickname, ChatError> {
    let Some(session) = actor.session() else {
        let wanted = wanted.unwrap_or_default();
        return Ok(Nickname::parse(wanted)?);
    };
    if session.account().is_some() {
        let why = "you have an account, and are logged in to it";
        return Err(ChatError::BadRequest(why.into()));
    }
    let nickname = session.nickname();
    if session.naming() == Naming::Given {
        let why = "choose a nickname first: /nick <name>, then /register <password>";
        return Err(ChatError::BadRequest(why.into()));
    }
    if wanted.is_some_and(|wanted| Nickname::stored(wanted) != nickname) {
        let why = format!("you are {nickname}: /nick first, or register without a session");
        return Err(ChatError::BadRequest(why));
    }
    Ok(nickname)
}
