//! Entering sessions anew, any number at once: after the database was restored under us, after a
//! neighbour died, after we were silent for so long that our nicknames were free for all.
use std::sync::Arc;

use super::{BATCH, Presence};
use crate::chat::session::{InStore, Session};
use crate::chat::{Alert, guest};
use crate::model::{Nickname, UserKey};
use crate::store::{Naming, PresenceChange, PresenceOutcome, StoreError};

/// Guests' names are short, so some may be taken; a few tries find free ones for all.
const TRIES: usize = 4;

impl Presence {
    /// Enters sessions with their nicknames and rooms. If the database `forgot` everything, users
    /// have other ids by now.
    pub(super) async fn enter_anew(
        &self,
        sessions: &[Arc<Session>],
        forgot: bool,
    ) -> Result<(), StoreError> {
        for portion in sessions.chunks(BATCH) {
            if forgot {
                portion
                    .iter()
                    .for_each(|session| session.state.lock().is_user(None));
            }
            let entered = self.claim_portion(portion).await?;
            self.join_anew(&entered).await?;
            self.release_ended(portion).await?;
        }
        if !sessions.is_empty() {
            tracing::info!(sessions = sessions.len(), "entered anew");
        }
        Ok(())
    }

    /// Claims the nicknames of sessions again that may have been entered by another instance.
    pub(in crate::chat) async fn claim_anew(
        &self,
        sessions: &[Arc<Session>],
    ) -> Result<(), StoreError> {
        for portion in sessions.chunks(BATCH) {
            self.claim_portion(portion).await?;
            self.release_ended(portion).await?;
        }
        Ok(())
    }

    /// Claims; returns those who are online now. Whose nickname is another's by now goes on as a
    /// guest, and is told.
    async fn claim_portion(
        &self,
        sessions: &[Arc<Session>],
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let claims = sessions.iter().map(|session| {
            let state = session.state.lock();
            PresenceChange::Claim {
                session: session.key().clone(),
                nickname: state.nickname.clone(),
                transport: state.transport,
                naming: state.naming,
                account: state.account.as_ref().map(|account| account.user),
            }
        });
        let claims: Vec<PresenceChange> = claims.collect();
        let answers = self.change_all(claims.clone()).await;
        let (mut entered, mut taken) = (Vec::with_capacity(sessions.len()), Vec::new());
        for ((session, claim), answer) in sessions.iter().zip(&claims).zip(answers) {
            match answer? {
                PresenceOutcome::NicknameTaken | PresenceOutcome::NicknameOwned => {
                    taken.push(session.clone())
                }
                PresenceOutcome::User(user) => {
                    entered.push(session.clone());
                    let mut state = session.state.lock();
                    let user = user.or(state.user);
                    state.is_user(user);
                    // Under another name since, it is entered at the next look.
                    let same = matches!(claim, PresenceChange::Claim { nickname, .. }
                        if *nickname == state.nickname);
                    state.in_store = InStore::online_if(same);
                }
                _ => {}
            }
        }
        entered.extend(self.go_on_as_guests(taken).await?);
        Ok(entered)
    }

    /// Gives those a guest's name whose nickname was taken, and says so to them and their rooms.
    async fn go_on_as_guests(
        &self,
        mut taken: Vec<Arc<Session>>,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let mut renamed = Vec::with_capacity(taken.len());
        for _ in 0..TRIES {
            if taken.is_empty() {
                break;
            }
            let names: Result<Vec<Nickname>, _> = taken.iter().map(|_| guest()).collect();
            let Ok(names) = names else { break };
            // With a user of its own: what it says is not said by who has the name now.
            let claim = |(session, name): (&Arc<Session>, &Nickname)| PresenceChange::Claim {
                session: session.key().clone(),
                nickname: name.clone(),
                transport: session.transport(),
                naming: Naming::Chosen,
                account: None,
            };
            let claims = taken.iter().zip(&names).map(claim).collect();
            let answers = self.change_all(claims).await;
            let mut again = Vec::new();
            for ((session, name), answer) in taken.into_iter().zip(names).zip(answers) {
                match answer? {
                    PresenceOutcome::User(user) => {
                        self.became_guest(&session, name, user);
                        renamed.push(session);
                    }
                    _ => again.push(session),
                }
            }
            taken = again;
        }
        for session in taken {
            session.goes_away();
        }
        Ok(renamed)
    }

    fn became_guest(&self, session: &Arc<Session>, name: Nickname, user: Option<UserKey>) {
        let before = {
            let mut state = session.state.lock();
            state.naming = Naming::Given;
            state.in_store = InStore::Online;
            state.becomes(user, None);
            std::mem::replace(&mut state.nickname, name.clone())
        };
        self.announce_rename(session, &before, &name);
        session.tell(Alert::NicknameLost { before, now: name });
    }

    /// Enters the rooms of sessions that are online.
    async fn join_anew(&self, sessions: &[Arc<Session>]) -> Result<(), StoreError> {
        let mut joins = Vec::new();
        for session in sessions {
            let nickname = session.nickname();
            joins.extend(session.rooms().into_iter().map(|room| {
                let change = PresenceChange::Join {
                    session: session.key().clone(),
                    nickname: nickname.clone(),
                    room: room.key,
                };
                (session, room, change)
            }));
        }
        for portion in joins.chunks(BATCH) {
            let changes = portion.iter().map(|(.., change)| change.clone()).collect();
            let answers = self.change_all(changes).await;
            for ((session, room, _), answer) in portion.iter().zip(answers) {
                match answer? {
                    PresenceOutcome::User(user) => session.state.lock().is_user(user),
                    PresenceOutcome::NoSuchRoom => {
                        self.hub.forget(room);
                        session.lose(room);
                        // A reader of it is told at its end.
                        if self.hub.served(room.key).is_none() {
                            let room = room.name.clone();
                            session.tell(Alert::RoomGone { room });
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Takes back what was entered of sessions that ended meanwhile.
    async fn release_ended(&self, sessions: &[Arc<Session>]) -> Result<(), StoreError> {
        let ended = sessions.iter().filter(|session| session.has_ended());
        let release = |session: &Arc<Session>| PresenceChange::Release {
            session: session.key().clone(),
            naming: session.naming(),
        };
        let answers = self.change_all(ended.map(release).collect()).await;
        answers
            .into_iter()
            .find_map(Result::err)
            .map_or(Ok(()), Err)
    }
}
