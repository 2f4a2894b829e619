//! The gate before every command: which room it is about, and whether the table allows it.
use std::sync::Arc;

use super::Stood;
use super::shared::{Person, Shared};
use crate::chat::{About, Actor, Chat, ChatError, Code};
use crate::model::{Role, RoomKind, RoomRef, UserKey};
use crate::policy;
use crate::policy::{Action, Admission, Denied, Overrides, Restricted, Standing};

/// What a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// A client that has no session yet, and is let in without an account.
    Begin,
    /// Nothing: the command itself authenticates the client, or takes no right.
    Open,
    /// A session, of a guest or of an account.
    Session,
    /// A session that is logged in to an account.
    Account,
    /// The same by the person itself: no token does.
    Person,
    /// What the table says of the action, in the room that it is about.
    Table(Action),
}

/// Where a command is about something, when it is allowed.
#[derive(Debug, Clone, Default)]
pub struct Place {
    room: Option<RoomRef>,
    stood: Option<Arc<Stood>>,
}

impl Place {
    /// The room that it is about.
    pub(in crate::chat) fn room(self) -> Result<RoomRef, ChatError> {
        self.room.ok_or(ChatError::InNoRoom)
    }

    /// The same, with how the actor stands to it.
    pub(in crate::chat) fn stood(self) -> Result<(RoomRef, Arc<Stood>), ChatError> {
        self.room.zip(self.stood).ok_or(ChatError::InNoRoom)
    }
}

impl Chat {
    /// Lets a command through, or says why not.
    pub(in crate::chat) async fn pass(
        &self,
        actor: &Actor,
        gate: Gate,
        about: About<'_>,
    ) -> Result<Place, ChatError> {
        match gate {
            Gate::Open => {}
            Gate::Begin => {
                if actor.session().is_some() {
                    return Err(Denied::HasSession.into());
                }
                if self.admission() == Admission::Accounts {
                    return Err(Denied::NeedsAccount.into());
                }
            }
            Gate::Session => drop(actor.known()?),
            Gate::Account => drop(actor.account()?),
            Gate::Person => {
                actor.account()?;
                if actor.warrant().is_some() {
                    return Err(ChatError::NotByToken);
                }
            }
            Gate::Table(action) => return self.ask_table(actor, action, about).await,
        }
        Ok(Place::default())
    }

    async fn ask_table(
        &self,
        actor: &Actor,
        action: Action,
        about: About<'_>,
    ) -> Result<Place, ChatError> {
        // What takes a session says so before it says anything of a room.
        if policy::usual(action) > Role::Anonymous {
            actor.known()?;
        }
        match about {
            About::NoRoom => {
                self.allow_anywhere(actor, action)?;
                Ok(Place::default())
            }
            About::Current => {
                let room = actor.known()?.current().ok_or(ChatError::InNoRoom)?;
                self.allow_in(actor, action, room).await
            }
            About::Named(name) => {
                // Before the lookup: a client without access learns nothing of any room.
                self.allow_anywhere(actor, Action::See)?;
                let room = self.room_for(actor, name).await?;
                self.allow_in(actor, action, room).await
            }
        }
    }

    /// What is about no room: by what the actor is in the first workspace.
    fn allow_anywhere(&self, actor: &Actor, action: Action) -> Result<(), ChatError> {
        self.allow_in_workspace(actor, actor.role(), action)
    }

    /// What is about no room of a workspace where the actor has that role.
    pub(in crate::chat) fn allow_in_workspace(
        &self,
        actor: &Actor,
        role: Role,
        action: Action,
    ) -> Result<(), ChatError> {
        self.allow_as(role, action)?;
        match actor.warrant() {
            Some(warrant) if !warrant.allows_anywhere(action) => {
                Err(ChatError::BeyondToken(action))
            }
            _ => Ok(()),
        }
    }

    fn allow_as(&self, role: Role, action: Action) -> Result<(), ChatError> {
        let usual = Overrides::default();
        let standing = Standing {
            admission: self.admission(),
            role: Some(role),
            kind: RoomKind::Public,
            member: false,
            restricted: Restricted::default(),
            overrides: &usual,
        };
        Ok(policy::allow(action, &standing)?)
    }

    /// What is about that room.
    ///
    /// # Errors
    /// A room that the actor may not see, or that its token is not for, is refused as one that is not
    /// there.
    pub(in crate::chat) async fn allow_in(
        &self,
        actor: &Actor,
        action: Action,
        room: RoomRef,
    ) -> Result<Place, ChatError> {
        let warrant = actor.warrant();
        if warrant
            .as_ref()
            .is_some_and(|warrant| !warrant.knows(room.key))
        {
            return Err(ChatError::NoSuchRoom(room.name));
        }
        let stood = self.stood(actor, &room).await?;
        let standing = stood.standing(self.admission(), actor.without(), self.clock().utc());
        match policy::allow(action, &standing) {
            Ok(()) if warrant.is_some_and(|warrant| !warrant.allows(action)) => {
                Err(ChatError::BeyondToken(action))
            }
            Ok(()) => Ok(Place {
                room: Some(room),
                stood: Some(stood),
            }),
            Err(denied) => {
                // One that may not even see it is told nothing of why.
                let seen = policy::allow(Action::See, &standing);
                let hidden = matches!(seen, Err(Denied::Hidden | Denied::Needs(..)));
                Err(match denied {
                    _ if hidden => ChatError::NoSuchRoom(room.shown().clone()),
                    Denied::Banned => ChatError::Banned {
                        room: room.shown().clone(),
                        until: stood.banned_until(),
                    },
                    Denied::Muted => ChatError::Muted {
                        room: room.shown().clone(),
                        until: stood.muted_until(),
                    },
                    denied => denied.into(),
                })
            }
        }
    }

    /// Whether an account that stands so to a room may read there.
    pub(in crate::chat) fn reads(&self, stood: &Stood) -> bool {
        self.reads_as(stood, Role::Guest)
    }

    /// The same of a client that is `without` where it has no account.
    pub(in crate::chat) fn reads_as(&self, stood: &Stood, without: Role) -> bool {
        let (admission, now) = (self.admission(), self.clock().utc());
        policy::allow(Action::Read, &stood.standing(admission, without, now)).is_ok()
    }

    /// What may be done at all may be done to that role.
    pub(in crate::chat) fn allow_on(&self, actor: Role, target: Role) -> Result<(), ChatError> {
        Ok(policy::allow_on(actor, target)?)
    }

    /// How the actor stands to a room, as it is kept or else as it is stored.
    pub(in crate::chat) async fn stood(
        &self,
        actor: &Actor,
        room: &RoomRef,
    ) -> Result<Arc<Stood>, ChatError> {
        let session = actor.session();
        if let Some(stood) = session.and_then(|session| session.stood(room.key)) {
            return Ok(stood);
        }
        let generation = self.rights.generation();
        let user = session.and_then(|session| session.user());
        let account = session.and_then(|session| session.account());
        let address = actor.origin().address().map(|address| address.to_string());
        let person = Person {
            user: user.map(|user| user.id),
            address: address.as_deref(),
            account: account.is_some(),
            role: account.and_then(|account| account.role),
        };
        let shared = self.shared(room, generation).await?;
        let stood = match shared.stood(person) {
            Some(stood) => stood,
            None => self.ask_store(user, address.as_deref(), room).await?,
        };
        // A change between was meant for what is kept, and this would not hear of it.
        if let Some(session) = session
            && self.rights.generation() == generation
        {
            session.keep_stood(user, room.key, stood.clone());
        }
        Ok(stood)
    }

    /// What holds in a room for all.
    async fn shared(&self, room: &RoomRef, generation: u64) -> Result<Arc<Shared>, ChatError> {
        if let Some(shared) = self.rights.shared(room.key) {
            return Ok(shared);
        }
        let _turn = self.hub.turn().await?;
        if let Some(shared) = self.rights.shared(room.key) {
            return Ok(shared);
        }
        let Some(rights) = self.store().room_rights(room.key).await? else {
            return Err(self.gone(room));
        };
        let shared = Arc::new(Shared::of(rights));
        if self.rights.generation() == generation {
            self.rights.keep_shared(room.key, shared.clone());
        }
        Ok(shared)
    }

    async fn ask_store(
        &self,
        user: Option<UserKey>,
        address: Option<&str>,
        room: &RoomRef,
    ) -> Result<Arc<Stood>, ChatError> {
        let _turn = self.hub.turn().await?;
        match self.store().stands(user, address, room.key).await? {
            Some(stands) => Ok(Arc::new(Stood::of(stands))),
            None => Err(self.gone(room)),
        }
    }

    fn gone(&self, room: &RoomRef) -> ChatError {
        self.hub.forget(room);
        ChatError::NoSuchRoom(room.shown().clone())
    }

    /// Whether a reader may go on reading a room.
    pub(in crate::chat) async fn may_read(
        &self,
        actor: &Actor,
        room: &RoomRef,
    ) -> Result<bool, ChatError> {
        match self.allow_in(actor, Action::Read, room.clone()).await {
            Ok(_) => Ok(true),
            Err(error) => match error.code() {
                Code::NoSuchRoom
                | Code::Forbidden
                | Code::Banned
                | Code::AccountNeeded
                | Code::NotConnected => Ok(false),
                _ => Err(error),
            },
        }
    }
}
