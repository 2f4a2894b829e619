//! Tokens for bots, as an operator makes and revokes them.
use std::time::Duration;

use super::{ACTOR, People, PeopleError, record};
use crate::auth::secret::Token;
use crate::clock::{Clock, SystemClock};
use crate::model::{DisplayName, RoomName, SessionKey, Uid, format_time};
use crate::store::{NewToken, Record, TokenOf, Which};

pub use crate::policy::Scopes;

/// What a token is to be.
#[derive(Debug, Clone)]
pub struct Tokening {
    /// The account that it stands for.
    pub user: String,
    pub name: String,
    pub scopes: Scopes,
    /// The only rooms that it is for; none is all.
    pub rooms: Vec<String>,
    /// From now on; `None` is for good.
    pub life: Option<Duration>,
}

/// A token with the names of its rooms.
#[derive(Debug)]
pub struct BotToken {
    pub token: TokenOf,
    pub rooms: Option<Vec<String>>,
}

impl People {
    /// Makes a token; its id, and its secret, which is kept nowhere.
    ///
    /// # Errors
    /// Fails where there is no such account or room, or the account has too many.
    pub async fn make_token(&self, tokening: &Tokening) -> Result<(i64, Token), PeopleError> {
        let account = self.account(&tokening.user).await?;
        let name = DisplayName::parse(&tokening.name);
        let name = name.map_err(|why| PeopleError::TokenName(why.to_string()))?;
        let mut uids = Vec::new();
        for room in &tokening.rooms {
            let found = self.store.room(&RoomName::stored(room)).await?;
            let (room, _) = found.ok_or_else(|| PeopleError::NoRoom(room.clone()))?;
            uids.push(room.key.uid);
        }
        let life = tokening.life.map(chrono::Duration::from_std);
        let life = life.transpose().map_err(|_| PeopleError::TooLong)?;
        let expires_at = life.and_then(|life| SystemClock.utc().checked_add_signed(life));
        let (token, scopes) = (Token::random(), tokening.scopes.names().join(" "));
        let digest = token.digest().to_string();
        let new = NewToken {
            user: account.user,
            name: name.as_str(),
            digest: &digest,
            scopes: &scopes,
            rooms: (!uids.is_empty()).then_some(uids.as_slice()),
            expires_at,
        };
        let mut detail = scopes.clone();
        if !tokening.rooms.is_empty() {
            detail += &format!(", in {}", tokening.rooms.join(", "));
        }
        if let Some(at) = expires_at {
            detail += &format!(", until {}", format_time(at));
        }
        let record = Record {
            why: Some(name.as_str()),
            detail: Some(&detail),
            ..record("make_token", &account)
        };
        let id = self.store.make_token(&new, &record).await?;
        let id = id.ok_or_else(|| PeopleError::TooManyTokens(account.nickname.clone()))?;
        Ok((id, token))
    }

    /// The tokens of an account, or of all, the newest first.
    ///
    /// # Errors
    /// Fails where there is no such account.
    pub async fn tokens(&self, of: Option<&str>) -> Result<Vec<BotToken>, PeopleError> {
        let user = match of {
            Some(name) => Some(self.account(name).await?.user),
            None => None,
        };
        let tokens = self.store.tokens(user).await?;
        let uids = tokens.iter().filter_map(|token| token.rooms.as_ref());
        let uids: Vec<Uid> = uids.flatten().copied().collect();
        let names = self.store.room_names(&uids).await?;
        let named = |uid: &Uid| {
            let found = names.iter().find(|(known, _)| known == uid);
            found.map_or_else(|| "(gone)".to_owned(), |(_, name)| name.clone())
        };
        let with_names = |token: TokenOf| BotToken {
            rooms: token
                .rooms
                .as_ref()
                .map(|uids| uids.iter().map(named).collect()),
            token,
        };
        Ok(tokens.into_iter().map(with_names).collect())
    }

    /// Revokes a token. What is open by it ends within a second.
    ///
    /// # Errors
    /// Fails where there is none of that id.
    pub async fn revoke_token(&self, id: i64) -> Result<(), PeopleError> {
        let token = self.store.token(Which::Id(id)).await?;
        let token = token.ok_or(PeopleError::NoToken(id))?;
        let record = Record {
            actor: ACTOR,
            action: "revoke_token",
            target: Some(&token.nickname),
            why: Some(&token.name),
            ..Record::default()
        };
        let session = SessionKey::of_token(id);
        let revoked = self.store.revoke_token(&token, &session, &record);
        Ok(revoked.await?)
    }
}
