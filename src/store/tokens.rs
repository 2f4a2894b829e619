//! Tokens of bots: what each may be used for. Of its secret a digest is kept. Of either kind of database.
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use super::ask::{Ask, Statement, Turn};
use super::audit::{self, Record};
use super::rights::{CHANGED, Changed};
use super::sql::Arg;
use crate::model::{SessionKey, Uid, UserId, UserKey};

/// Tokens that one account may have at a time.
pub const MOST_TOKENS: usize = 100;

/// What a token is made of.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    pub user: UserKey,
    pub name: &'a str,
    pub digest: &'a str,
    /// Their names, with blanks between.
    pub scopes: &'a str,
    /// The only rooms that it is for; `None` is all.
    pub rooms: Option<&'a [Uid]>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token that was not revoked.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenOf {
    pub id: i64,
    pub user: UserKey,
    /// The account's.
    pub nickname: String,
    pub name: String,
    pub scopes: String,
    pub rooms: Option<Vec<Uid>>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Which token is meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    Digest(&'a str),
    Id(i64),
}

/// What programs show to be an account.
#[async_trait]
pub trait Tokens: Send + Sync + 'static {
    /// Makes a token; its id. `None` where the account has [`MOST_TOKENS`].
    async fn make_token(
        &self,
        new: &NewToken<'_>,
        record: &Record<'_>,
    ) -> Result<Option<i64>, StoreError>;

    /// The tokens of an account, or of all, the newest first; 1,000 at most.
    async fn tokens(&self, of: Option<UserKey>) -> Result<Vec<TokenOf>, StoreError>;

    /// That token, also where it has expired; `None` where it was revoked.
    async fn token(&self, which: Which<'_>) -> Result<Option<TokenOf>, StoreError>;

    /// Revokes a token, and ends the session that its requests share.
    async fn revoke_token(
        &self,
        token: &TokenOf,
        session: &SessionKey,
        record: &Record<'_>,
    ) -> Result<(), StoreError>;

    /// Notes that a token is used, once in a minute at most.
    async fn token_used(&self, id: i64) -> Result<(), StoreError>;

    /// The names of those of these rooms that there are.
    async fn room_names(&self, rooms: &[Uid]) -> Result<Vec<(Uid, String)>, StoreError>;
}

macro_rules! tokens {
    ($which:literal) => {
        concat!(
            "SELECT t.id, u.id, u.uid, u.nickname, t.name, t.scopes, t.rooms, t.created_at,
               t.expires_at, t.last_used_at
             FROM tokens t JOIN users u ON u.id = t.user_id
             WHERE t.revoked_at IS NULL AND ",
            $which
        )
    };
}

type Row = (
    i64,
    UserId,
    Uid,
    String,
    String,
    String,
    Option<String>,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
);

fn token(row: Row) -> TokenOf {
    let (id, user, uid, nickname, name, scopes, rooms, created_at, expires_at, last_used_at) = row;
    // What cannot be read is no room.
    let uids = |rooms: String| {
        rooms
            .split(' ')
            .filter_map(|uid| uid.parse().ok())
            .collect()
    };
    TokenOf {
        id,
        user: UserKey { id: user, uid },
        nickname,
        name,
        scopes,
        rooms: rooms.map(uids),
        created_at,
        expires_at,
        last_used_at,
    }
}

#[async_trait]
impl<A: Ask> Tokens for A {
    async fn make_token(
        &self,
        new: &NewToken<'_>,
        record: &Record<'_>,
    ) -> Result<Option<i64>, StoreError> {
        let count = "SELECT count(*) FROM tokens WHERE user_id = $1 AND revoked_at IS NULL
             AND (expires_at IS NULL OR expires_at > @now)";
        let has: i64 = self
            .value(Turn::Read, &[(count, &[new.user.id.into()])])
            .await?;
        if has.unsigned_abs() >= MOST_TOKENS as u64 {
            return Ok(None);
        }
        let rooms = new.rooms.map(|rooms| {
            let uids: Vec<String> = rooms.iter().map(Uid::to_string).collect();
            uids.join(" ")
        });
        let made: [Arg<'_>; 7] = [
            new.user.id.into(),
            new.user.uid.into(),
            new.name.into(),
            new.digest.into(),
            new.scopes.into(),
            rooms.as_deref().into(),
            new.expires_at.into(),
        ];
        let digest: [Arg<'_>; 1] = [new.digest.into()];
        let statements: [Statement<'_>; 3] = [
            (
                "INSERT INTO tokens (user_id, name, digest, scopes, rooms, expires_at)
                 SELECT u.id, $3, $4, $5, $6, $7 FROM users u
                 WHERE u.id = $1 AND u.uid = $2 AND u.registered_at IS NOT NULL",
                &made,
            ),
            (audit::WRITE, &record.args()),
            ("SELECT id FROM tokens WHERE digest = $1", &digest),
        ];
        let rows: Vec<(i64,)> = self.all(Turn::Once, &statements).await?;
        Ok(rows.first().map(|(id,)| *id))
    }

    async fn tokens(&self, of: Option<UserKey>) -> Result<Vec<TokenOf>, StoreError> {
        let sql = tokens!(
            "($1 IS NULL OR u.id = $1 AND u.uid = $2) ORDER BY t.created_at DESC, t.id DESC
             LIMIT 1000"
        );
        let args = [of.map(|of| of.id).into(), of.map(|of| of.uid).into()];
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        Ok(rows.into_iter().map(token).collect())
    }

    async fn token(&self, which: Which<'_>) -> Result<Option<TokenOf>, StoreError> {
        let rows: Vec<Row> = match which {
            Which::Digest(digest) => {
                let one = [digest.into()];
                self.all(Turn::Read, &[(tokens!("t.digest = $1"), &one)])
                    .await?
            }
            Which::Id(id) => {
                let one = [id.into()];
                self.all(Turn::Read, &[(tokens!("t.id = $1"), &one)])
                    .await?
            }
        };
        Ok(rows.into_iter().next().map(token))
    }

    async fn revoke_token(
        &self,
        token: &TokenOf,
        session: &SessionKey,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        let (id, session): ([Arg<'_>; 1], [Arg<'_>; 1]) =
            ([token.id.into()], [session.as_str().into()]);
        let statements: [Statement<'_>; 4] = [
            (
                "UPDATE tokens SET revoked_at = coalesce(revoked_at, @now) WHERE id = $1",
                &id,
            ),
            ("DELETE FROM sessions WHERE id = $1", &session),
            (audit::WRITE, &record.args()),
            (CHANGED, &Changed::of(token.user).args()),
        ];
        self.run(Turn::Once, &statements).await.map(drop)
    }

    async fn token_used(&self, id: i64) -> Result<(), StoreError> {
        let sql = "UPDATE tokens SET last_used_at = @now
             WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < @now($2))";
        let args = [id.into(), Arg::Ago(std::time::Duration::from_secs(55))];
        self.run(Turn::Repeatable, &[(sql, &args)]).await.map(drop)
    }

    async fn room_names(&self, rooms: &[Uid]) -> Result<Vec<(Uid, String)>, StoreError> {
        let uids: Vec<i64> = rooms.iter().map(|uid| uid.get()).collect();
        let sql = "SELECT uid, name FROM rooms WHERE uid @in($1)";
        let args = [Arg::Numbers(&uids)];
        self.all(Turn::Read, &[(sql, &args)]).await
    }
}
