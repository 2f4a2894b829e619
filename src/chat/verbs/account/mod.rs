//! Accounts: made, logged in to and out of, and their passwords and sessions.
mod bearer;
mod login;
mod me;
mod password;
mod register;
mod sessions;
mod sign_in;
mod tokens;
mod vouched;

use std::net::IpAddr;
use std::time::Duration;

use super::{Actor, Chat, ChatError, Outcome, Session};
use crate::auth::password::{HashError, PasswordHash};
use crate::auth::throttle::{self, Throttled};
use crate::chat::Limited;
use crate::model::{Nickname, Password, PlaintextLogin};
use crate::store::Failures;

pub use bearer::Shown;
pub use me::{Me, MyRoom, Tally};
pub use register::Registering;
pub use sign_in::{BeginSignIn, FinishSignIn};
pub use tokens::{Made, MakeToken, MyToken};

/// So often a try is counted anew where others were quicker; beyond, it waits a second.
const TRIES_AT_ONCE: usize = 16;

impl Chat {
    /// A password is not taken where others can read it on its way.
    fn may_tell_password(&self, actor: &Actor) -> Result<(), ChatError> {
        let anywhere = self.access().plaintext_login == PlaintextLogin::Anywhere;
        if anywhere || actor.origin().peer().is_private() {
            return Ok(());
        }
        Err(ChatError::ClearText)
    }

    /// Checks a password as slowly as ever, whether or not there is such an account. Many failures make
    /// the account and the address wait.
    async fn prove(
        &self,
        actor: &Actor,
        nickname: &Nickname,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<bool, ChatError> {
        let tried = self.tries(actor, nickname).await?;
        let hash = stored.and_then(|stored| PasswordHash::parse(stored).ok());
        let proved = self.hasher.verify(password, hash.as_ref()).await?;
        if proved {
            for (at, throttled) in tried.iter().enumerate() {
                let key = throttled.key().to_string();
                if at == 0 {
                    self.store().succeeded(&key).await?;
                } else {
                    self.store().forgive(&key).await?;
                }
            }
        }
        Ok(proved)
    }

    /// Counts a try as a failure, until it turns out to be none: of many at once, each is counted.
    async fn tries(&self, actor: &Actor, nickname: &Nickname) -> Result<Vec<Throttled>, ChatError> {
        let mut throttled = vec![Throttled::account(nickname)];
        throttled.extend(self.throttled_address(actor).map(Throttled::address));
        for one in &throttled {
            self.count_try(one).await?;
        }
        Ok(throttled)
    }

    async fn count_try(&self, throttled: &Throttled) -> Result<(), ChatError> {
        let wait = |after| {
            self.meters().limited_logins.add(1);
            ChatError::rate_limited(Limited::Logins, after)
        };
        let key = throttled.key().to_string();
        for _ in 0..TRIES_AT_ONCE {
            let known = self.store().failures(&[key.as_str()]).await?;
            let past = known.first();
            let counted = past.map(|past| throttle::Failures {
                count: past.count,
                at: past.last_at,
            });
            let tried = throttled.attempt(counted, self.clock().utc());
            let tried = tried.map_err(|waits| wait(waits.after))?;
            let now = Failures {
                key: key.clone(),
                count: tried.count,
                last_at: tried.at,
            };
            if self.store().failed(past, &now).await? {
                return Ok(());
            }
        }
        Err(wait(Duration::from_secs(1)))
    }

    /// Clients on this machine share the loopback address, so that it identifies none of them.
    fn throttled_address(&self, actor: &Actor) -> Option<IpAddr> {
        let address = actor.origin().peer().address?.ip().to_canonical();
        (!address.is_loopback()).then_some(address)
    }
}

impl From<HashError> for ChatError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy { after } => Self::PasswordsWait { after },
            HashError::Failed(why) => Self::internal(&why),
        }
    }
}
