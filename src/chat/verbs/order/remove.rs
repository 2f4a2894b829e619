//! Take a person out of a room: another one, or the actor itself.
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::Place;
use crate::model::{Nickname, Notice, RoomKind};
use crate::policy::Action;
use crate::store::{Changed, Record};

impl Chat {
    /// Kicks, or leaves where the nickname is the actor's own.
    pub(in crate::chat) async fn remove(
        &self,
        actor: &Actor,
        place: Place,
        nickname: &str,
        why: Option<&str>,
    ) -> Result<Outcome, ChatError> {
        if actor.known()?.nickname() == Nickname::stored(nickname) {
            return self.depart(actor, place).await;
        }
        let place = self.allow_in(actor, Action::Kick, place.room()?).await?;
        self.kick(actor, place, nickname, why).await
    }

    /// Is no member any more, with all sessions of the account.
    async fn depart(&self, actor: &Actor, place: Place) -> Result<Outcome, ChatError> {
        let (room, stood) = place.stood()?;
        if actor
            .warrant()
            .is_some_and(|warrant| !warrant.allows(Action::Kick))
        {
            return Err(ChatError::BeyondToken(Action::Kick));
        }
        if stood.kind() == RoomKind::Direct {
            return Err(ChatError::BadRequest(
                "a direct room keeps its people".into(),
            ));
        }
        let session = actor.known()?;
        let not_in = || ChatError::NotIn(room.name.clone());
        let user = session.user().ok_or_else(not_in)?;
        let stands = self.store().stands(Some(user), None, room.key).await?;
        if !stands.is_some_and(|stands| stands.member) && !session.is_in(&room) {
            return Err(not_in());
        }
        let nickname = session.nickname();
        let record = Record {
            actor: nickname.as_str(),
            action: "leave",
            room: Some(room.name.as_str()),
            ..Record::default()
        };
        self.store().remove_member(user, room.key, &record).await?;
        session.lose(&room);
        self.rights_changed_here(&Changed::of_one_in(user, room.key));
        self.hub.announce(Notice::left(&room.name, &nickname));
        Ok(Outcome::Left(room))
    }
}
