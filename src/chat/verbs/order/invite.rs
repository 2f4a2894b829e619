//! Let an account into a room, and make codes by which people become accounts.
use chrono::{DateTime, Utc};

use super::{Actor, Chat, ChatError, Outcome};
use crate::auth::secret::InviteCode;
use crate::chat::Place;
use crate::model::{MAIN, Role};
use crate::policy::Action;
use crate::store::{Changed, NewInvite, Record};

/// People that one code may let in.
const MOST_USES: u32 = 1_000;

/// What a code is to be good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inviting {
    /// The room that it lets into, or the first workspace alone.
    pub room: Option<String>,
    /// In that room, or in the workspace.
    pub role: Role,
    pub uses: u32,
    pub expires_at: Option<DateTime<Utc>>,
}

impl Chat {
    pub(in crate::chat) async fn make_invite(
        &self,
        actor: &Actor,
        place: Place,
        inviting: &Inviting,
    ) -> Result<Outcome, ChatError> {
        self.check_invite(inviting)?;
        let scene = match inviting.room {
            Some(_) => Some(self.scene(actor, place)?),
            None => None,
        };
        let own = match &scene {
            Some(scene) => scene.role,
            None => self.role_in_main(actor, inviting.role).await?,
        };
        self.allow_on(own, inviting.role)?;
        let room = scene.as_ref().map(|scene| &scene.room);
        let workspace = room.and_then(|room| room.name.workspace()).unwrap_or(MAIN);
        let (code, by) = (InviteCode::random(), actor.known()?.nickname());
        let digest = code.digest().to_string();
        let new = NewInvite {
            digest: &digest,
            workspace,
            room: room.map(|room| room.key),
            role: inviting.role,
            uses: inviting.uses,
            expires_at: inviting.expires_at,
            by: actor.known()?.user(),
        };
        let detail = format!("{}, {} uses", inviting.role.as_str(), inviting.uses);
        let record = Record {
            actor: by.as_str(),
            action: "make_invite",
            target: Some(workspace),
            room: room.map(|room| room.name.as_str()),
            detail: Some(&detail),
            ..Record::default()
        };
        if !self.store().make_invite(&new, &record).await? {
            return Err(ChatError::NoSuchWorkspace(workspace.to_owned()));
        }
        let code = code.secret();
        let url = format!("{}/#invite={code}", self.rules.site);
        Ok(Outcome::InviteMade { code, url })
    }

    fn check_invite(&self, inviting: &Inviting) -> Result<(), ChatError> {
        let refuse = |why: &str| Err(ChatError::BadRequest(why.to_owned()));
        if inviting.uses == 0 || inviting.uses > MOST_USES {
            return refuse(&format!("an invite is for 1 to {MOST_USES} uses"));
        }
        if inviting.role < Role::Member {
            return refuse("an invite makes an account, which is at least a member");
        }
        let now = self.clock().utc();
        if inviting.expires_at.is_some_and(|expires| expires <= now) {
            return refuse("cannot make an invite that has expired");
        }
        Ok(())
    }

    /// An account of another workspace alone may not invite into the first.
    async fn role_in_main(&self, actor: &Actor, giving: Role) -> Result<Role, ChatError> {
        let role = self.role_in(actor, MAIN).await?;
        let action = match giving {
            Role::Member => Action::Invite,
            _ => Action::ManageRoles,
        };
        self.allow_in_workspace(actor, role, action)?;
        Ok(role)
    }

    pub(in crate::chat) async fn invite(
        &self,
        actor: &Actor,
        place: Place,
        nickname: &str,
    ) -> Result<Outcome, ChatError> {
        let scene = self.scene(actor, place)?;
        let target = self.target(&scene, nickname).await?;
        if !target.has_account {
            let why = format!(
                "{} has no account: guests are in public rooms",
                target.nickname
            );
            return Err(ChatError::BadRequest(why));
        }
        let record = Record {
            actor: scene.actor.as_str(),
            action: "invite",
            target: Some(target.nickname.as_str()),
            room: Some(scene.room.name.as_str()),
            ..Record::default()
        };
        if !target.is_member {
            self.store()
                .add_member(target.user, scene.room.key, None, &record)
                .await?;
            let changed = Changed::of_one_in(target.user, scene.room.key);
            self.rights_changed_here(&changed);
        }
        Ok(Outcome::Invited {
            nickname: target.nickname,
            room: scene.room.name,
        })
    }
}
