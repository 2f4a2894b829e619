//! The tokens of an account: made, listed and revoked. The secret of one is told once.
use chrono::{DateTime, Utc};

use super::{Actor, Chat, ChatError};
use crate::auth::secret::Token;
use crate::chat::{Length, Outcome};
use crate::model::{DisplayName, Nickname, RoomName, SessionKey, Uid, UserKey, format_time};
use crate::policy::{Action, Scopes};
use crate::store::{Changed, NewToken, Page, Record, TokenOf, Which};

/// Rooms that one token may be for.
const MOST_ROOMS: usize = 100;

/// A token to be made for one's own account.
#[derive(Debug, Clone, PartialEq)]
pub struct MakeToken {
    pub name: String,
    pub scopes: Vec<String>,
    /// The only rooms that it is for.
    pub rooms: Option<Vec<String>>,
    pub length: Length,
}

/// A token that was made.
#[derive(Debug)]
pub struct Made {
    pub id: i64,
    pub token: Token,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token as its account sees it, with the names of its rooms.
#[derive(Debug)]
pub struct MyToken {
    pub token: TokenOf,
    pub rooms: Option<Vec<RoomName>>,
}

impl Chat {
    /// Makes a token for the actor's own account.
    pub(in crate::chat) async fn make_token(
        &self,
        actor: &Actor,
        make: &MakeToken,
    ) -> Result<Outcome, ChatError> {
        let nickname = actor.known()?.nickname();
        let user = actor.account()?.user;
        let name = DisplayName::parse(&make.name);
        let name = name.map_err(|why| ChatError::BadRequest(format!("the name: {why}")))?;
        let scopes = Scopes::parse(make.scopes.iter().map(String::as_str));
        let scopes = scopes.map_err(|why| ChatError::BadRequest(why.to_string()))?;
        let scopes = scopes.names().join(" ");
        let (rooms, named) = match &make.rooms {
            Some(rooms) => self.rooms_of_token(actor, rooms).await?,
            None => (None, String::new()),
        };
        let expires_at = self.ends(make.length)?;
        let token = Token::random();
        let digest = token.digest().to_string();
        let new = NewToken {
            user,
            name: name.as_str(),
            digest: &digest,
            scopes: &scopes,
            rooms: rooms.as_deref(),
            expires_at,
        };
        let until = expires_at.map(|at| format!(", until {}", format_time(at)));
        let detail = format!("{scopes}{named}{}", until.unwrap_or_default());
        let record = Record {
            actor: nickname.as_str(),
            action: "make_token",
            target: Some(nickname.as_str()),
            why: Some(name.as_str()),
            detail: Some(&detail),
            ..Record::default()
        };
        let made = self.store().make_token(&new, &record).await?;
        let id = made.ok_or(ChatError::TooManyTokens)?;
        Ok(Outcome::TokenMade(Made {
            id,
            token,
            expires_at,
        }))
    }

    /// The tokens of the actor's own account, or of another.
    pub(in crate::chat) async fn list_tokens(
        &self,
        actor: &Actor,
        of: Option<&str>,
    ) -> Result<Outcome, ChatError> {
        let mine = actor.account()?.user;
        let of = match of {
            Some(nickname) => self.manages(actor, nickname).await?,
            None => mine,
        };
        let tokens = self.store().tokens(Some(of)).await?;
        let uids = tokens.iter().filter_map(|token| token.rooms.clone());
        let uids: Vec<Uid> = uids.flatten().collect();
        let names = self.names_seen(actor, uids).await?;
        let named = |uid: &Uid| {
            let found = names.iter().find(|(known, _)| known == uid);
            found.map(|(_, name)| RoomName::stored(name))
        };
        let with_names = |token: TokenOf| MyToken {
            rooms: token
                .rooms
                .as_ref()
                .map(|uids| uids.iter().filter_map(named).collect()),
            token,
        };
        Ok(Outcome::Tokens(
            tokens.into_iter().map(with_names).collect(),
        ))
    }

    /// Revokes a token of the actor's own account, or of another.
    pub(in crate::chat) async fn revoke_token(
        &self,
        actor: &Actor,
        id: i64,
    ) -> Result<Outcome, ChatError> {
        let nickname = actor.known()?.nickname();
        let token = self.store().token(Which::Id(id)).await?;
        let token = token.ok_or(ChatError::NoSuchToken)?;
        if token.user != actor.account()?.user {
            // Whether there is such a token is not for others to know.
            let managed = self.manages(actor, &token.nickname).await;
            managed.map_err(|error| match error {
                ChatError::Database(_) => error,
                _ => ChatError::NoSuchToken,
            })?;
        }
        let record = Record {
            actor: nickname.as_str(),
            action: "revoke_token",
            target: Some(&token.nickname),
            why: Some(&token.name),
            ..Record::default()
        };
        let session = SessionKey::of_token(token.id);
        let revoked = self.store().revoke_token(&token, &session, &record);
        revoked.await?;
        self.rights_changed_here(&Changed::of(token.user));
        Ok(Outcome::TokenRevoked)
    }

    /// The rooms that a token is to be for, and the same in words.
    async fn rooms_of_token(
        &self,
        actor: &Actor,
        names: &[String],
    ) -> Result<(Option<Vec<Uid>>, String), ChatError> {
        if names.is_empty() || names.len() > MOST_ROOMS {
            let why = format!("a token is for 1 to {MOST_ROOMS} rooms; leave 'rooms' out for all");
            return Err(ChatError::BadRequest(why));
        }
        let (mut uids, mut named) = (Vec::new(), Vec::new());
        for name in names {
            let room = self.room(name).await?;
            let room = self.allow_in(actor, Action::See, room).await?.room()?;
            uids.push(room.key.uid);
            named.push(room.name.to_string());
        }
        Ok((Some(uids), format!(", in {}", named.join(", "))))
    }

    /// Those of these rooms that the actor sees: a token of another account may be for others.
    async fn names_seen(
        &self,
        actor: &Actor,
        uids: Vec<Uid>,
    ) -> Result<Vec<(Uid, String)>, ChatError> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let mut names = self.store().room_names(&uids).await?;
        let page = Page {
            only: Some(uids),
            ..Page::default()
        };
        let seen = self.store().rooms(&page, actor.viewer()).await?;
        names.retain(|(_, name)| seen.iter().any(|room| room.name == RoomName::stored(name)));
        Ok(names)
    }

    /// When something of that length ends, if ever.
    fn ends(&self, length: Length) -> Result<Option<DateTime<Utc>>, ChatError> {
        let now = self.clock().utc();
        let at = match length {
            Length::Forever => None,
            Length::Until(at) => Some(at),
            Length::For(length) => chrono::Duration::from_std(length)
                .ok()
                .and_then(|length| now.checked_add_signed(length)),
        };
        if at.is_some_and(|at| at <= now) {
            let why = "a token cannot expire at a time that is over";
            return Err(ChatError::BadRequest(why.into()));
        }
        Ok(at)
    }

    /// The account of that nickname, if the actor manages its tokens.
    async fn manages(&self, actor: &Actor, nickname: &str) -> Result<UserKey, ChatError> {
        let nickname = Nickname::parse_old(nickname)?;
        self.allow_in_workspace(actor, actor.role(), Action::ManageTokens)?;
        let account = self.store().account(nickname.as_str()).await?;
        let account = account.ok_or(ChatError::NoSuchUser(nickname))?;
        let Some(role) = account.role else {
            // It is in other workspaces alone, where this role says nothing.
            let nickname = Nickname::stored(&account.nickname);
            return Err(ChatError::NoSuchUser(nickname));
        };
        self.allow_on(actor.role(), role)?;
        Ok(account.user)
    }
}
