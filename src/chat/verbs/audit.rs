//! Read the audit log of a workspace.
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::lists::{Asked, Listed, page};
use crate::model::MAIN;
use crate::policy::Action;
use crate::store::Audited;

impl Chat {
    /// The newest lines, or those before the cursor: what was done in the workspace's rooms; in the first
    /// workspace also what was done in none.
    pub(in crate::chat) async fn audit(
        &self,
        actor: &Actor,
        workspace: Option<String>,
        asked: Asked,
    ) -> Result<Outcome, ChatError> {
        let workspace = workspace.unwrap_or_else(|| MAIN.to_owned());
        let role = self.role_in(actor, &workspace).await?;
        self.allow_in_workspace(actor, role, Action::Audit)?;
        let before = match asked.cursor.as_deref().map(str::parse) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(_)) => {
                let why = "a cursor is what 'next' said of the page before";
                return Err(ChatError::BadRequest(why.into()));
            }
        };
        let (_, limit) = page(asked);
        let found = self.store().audited(Some(&workspace), before, limit + 1);
        let list = Listed::of(found.await?, limit, |line: &Audited| line.id.to_string());
        Ok(Outcome::Audited(list))
    }
}
