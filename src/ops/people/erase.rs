//! The end of an account, as its person asks for it.
use super::{People, PeopleError, record};
use crate::auth::throttle::Throttled;
use crate::model::Nickname;
use crate::random;
use crate::store::{Account, Erasure, StoreError};

impl People {
    /// Fails where the account is not one that can be erased, and changes nothing.
    ///
    /// # Errors
    /// Fails where there is no such account, or it is the only owner.
    pub async fn erasable(&self, name: &str) -> Result<Account, PeopleError> {
        let account = self.account(name).await?;
        self.leaves_an_owner(&account).await?;
        Ok(account)
    }

    /// Takes away all that names an account's person. Its messages stay in their places, under a name that
    /// says nothing; its nickname stays taken.
    ///
    /// # Errors
    /// Fails where there is no such account, or it is the only owner.
    pub async fn erase(&self, name: &str) -> Result<Account, PeopleError> {
        let account = self.erasable(name).await?;
        let drawn: [u8; 6] = random::bytes().map_err(|error| {
            StoreError::Unavailable(format!("cannot draw a random name: {error}"))
        })?;
        let digits: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
        let pseudonym = format!("erased-{digits}");
        let throttled = Throttled::account(&Nickname::stored(&account.nickname));
        let erasure = Erasure {
            nickname: &account.nickname,
            pseudonym: &pseudonym,
            failures: &throttled.key().to_string(),
        };
        // Without the pseudonym: the audit log would lead from one to the other.
        let record = record("erase", &account);
        let erased = self.store.erase_account(account.user, &erasure, &record);
        erased.await?;
        self.account(name).await
    }
}
