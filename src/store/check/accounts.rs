//! The accounts, as far as a deployment has an owner.
use super::Inspector;
use crate::store::StoreError;

/// The owners of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    /// There is any.
    pub exist: bool,
    /// The owners of the first workspace that are not disabled, the oldest first; 20 at most.
    pub owners: Vec<Owner>,
}

#[derive(Debug, Clone)]
pub struct Owner {
    pub nickname: String,
    /// As a PHC string.
    pub password: Option<String>,
    /// An identity provider vouches for it.
    pub vouched: bool,
}

const EXIST: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE registered_at IS NOT NULL)";

const OWNERS: &str = "SELECT u.nickname, u.password, u.subject IS NOT NULL \
    FROM users u JOIN workspace_members w ON w.user_id = u.id AND w.workspace_id = 1 \
    WHERE w.role = 'owner' AND u.registered_at IS NOT NULL AND u.disabled_at IS NULL \
    ORDER BY u.id LIMIT 20";

impl Inspector {
    /// # Errors
    /// Fails where there is no schema.
    pub async fn accounts(&mut self) -> Result<Accounts, StoreError> {
        let (exist,) = self.first(EXIST).await?;
        let owners: Vec<(String, Option<String>, bool)> = self.all(OWNERS).await?;
        let owner = |(nickname, password, vouched)| Owner {
            nickname,
            password,
            vouched,
        };
        let owners = owners.into_iter().map(owner).collect();
        Ok(Accounts { exist, owners })
    }
}
