//! Workspaces and invites, as an operator makes them.
use std::time::Duration;

use super::{ACTOR, People, PeopleError, record};
use crate::auth::secret::InviteCode;
use crate::clock::{Clock, SystemClock};
use crate::model::{Role, WorkspaceName};
use crate::store::{NewInvite, Record};

pub use crate::store::{Invite, Workspace};

/// What an invite is to be.
#[derive(Debug, Clone)]
pub struct Inviting {
    pub workspace: String,
    pub role: Role,
    pub uses: u32,
    /// From now on; `None` is for good.
    pub life: Option<Duration>,
}

impl People {
    /// Makes an invite; its code, which is kept nowhere.
    ///
    /// # Errors
    /// Fails where there is no such workspace.
    pub async fn invite(&self, inviting: &Inviting) -> Result<String, PeopleError> {
        let code = InviteCode::random();
        let digest = code.digest().to_string();
        let life = inviting.life.map(chrono::Duration::from_std);
        let life = life.transpose().map_err(|_| PeopleError::TooLong)?;
        let new = NewInvite {
            digest: &digest,
            workspace: &inviting.workspace,
            room: None,
            role: inviting.role,
            uses: inviting.uses,
            expires_at: life.and_then(|life| SystemClock.utc().checked_add_signed(life)),
            by: None,
        };
        let detail = format!("{}, {} uses", inviting.role.as_str(), inviting.uses);
        let record = Record {
            actor: ACTOR,
            action: "make_invite",
            target: Some(&inviting.workspace),
            detail: Some(&detail),
            ..Record::default()
        };
        if !self.store.make_invite(&new, &record).await? {
            return Err(PeopleError::NoWorkspace(inviting.workspace.clone()));
        }
        Ok(code.secret())
    }

    /// The invites that can still be used.
    ///
    /// # Errors
    /// Fails where the database does.
    pub async fn invites(&self) -> Result<Vec<Invite>, PeopleError> {
        Ok(self.store.invites().await?)
    }

    /// Revokes the invite with that prefix of an id.
    ///
    /// # Errors
    /// Fails where there is none, or more than one.
    pub async fn revoke_invite(&self, id: &str) -> Result<(), PeopleError> {
        let all = self.store.invites().await?;
        let mut meant = all.iter().filter(|invite| invite.digest.starts_with(id));
        let (Some(invite), None) = (meant.next(), meant.next()) else {
            return Err(PeopleError::NoInvite(id.to_owned()));
        };
        let record = Record {
            actor: ACTOR,
            action: "revoke_invite",
            target: Some(&invite.workspace),
            ..Record::default()
        };
        Ok(self.store.revoke_invite(&invite.digest, &record).await?)
    }

    /// # Errors
    /// Fails where there is one of that name, or no workspace can be called so.
    pub async fn create_workspace(&self, name: &str) -> Result<(), PeopleError> {
        let name = WorkspaceName::parse(name)?;
        let record = Record {
            actor: ACTOR,
            action: "create_workspace",
            target: Some(name.as_str()),
            ..Record::default()
        };
        if self.store.create_workspace(name.as_str(), &record).await? {
            return Ok(());
        }
        Err(PeopleError::WorkspaceExists(name.as_str().to_owned()))
    }

    /// # Errors
    /// Fails where the database does.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, PeopleError> {
        Ok(self.store.workspaces().await?)
    }

    /// Gives an account a role in a workspace, or takes it out of that.
    ///
    /// # Errors
    /// Fails where there is no such account or workspace.
    pub async fn set_workspace_role(
        &self,
        workspace: &str,
        name: &str,
        role: Option<Role>,
    ) -> Result<(), PeopleError> {
        let account = self.account(name).await?;
        let main = WorkspaceName::stored(workspace).is_main();
        if main && role != Some(Role::Owner) {
            self.leaves_an_owner(&account).await?;
        }
        let detail = match role {
            Some(role) => format!("{} in {workspace}", role.as_str()),
            None => format!("out of {workspace}"),
        };
        let record = Record {
            detail: Some(&detail),
            ..record("workspace", &account)
        };
        let set = self
            .store
            .set_workspace_role(account.user, workspace, role, &record);
        if set.await? {
            return Ok(());
        }
        Err(PeopleError::NoWorkspace(workspace.to_owned()))
    }
}
