//! The connect frame: who a connection is, and where it goes on reading.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Connection, End};
use crate::chat::{
    self, ByToken, ChatError, Code, Connect, Cost, MOST_ROOMS, Open, Rejoin, Resume, Session,
    Start, Verb,
};
use crate::model::{Epoch, Seq};
use crate::transport::codec::Refusal;
use crate::transport::codec::json::{self, Ended};

/// Where a client left its rooms.
pub(super) struct Positions {
    pub(super) rooms: BTreeMap<String, Seq>,
    /// In which epoch, if it says so.
    pub(super) epoch: Option<Epoch>,
}

/// What a client names itself by: the first of these that there is counts.
pub(super) struct Introduced {
    pub(super) session_id: Option<String>,
    /// Of this server, or of one that vouches for the person.
    pub(super) token: Option<String>,
    pub(super) nickname: Option<String>,
}

impl Connection {
    /// Resumes the session of that secret, or begins one of that nickname, with each of its rooms
    /// where the client left it. One that is not there ends at once. Returns why not, where the
    /// client may try again.
    pub(super) async fn connect(
        &mut self,
        who: Introduced,
        positions: Positions,
        open: &Open,
    ) -> Result<Option<Refusal>, End> {
        if let Err(refusal) = self.may_connect(positions.rooms.len()) {
            return Ok(Some(refusal));
        }
        let connected = match who {
            Introduced {
                session_id: Some(secret),
                ..
            } => self.chat.act(&self.actor, Resume { secret }).await,
            Introduced {
                token: Some(token), ..
            } => {
                let shown = self.chat.act(&self.actor, ByToken { token }).await;
                shown.map(|shown| {
                    open.expires(shown.until);
                    shown.session
                })
            }
            Introduced {
                nickname: nickname @ Some(_),
                ..
            } => self.chat.act(&self.actor, Connect { nickname }).await,
            Introduced { .. } if self.kept.is_some() => {
                let secret = self.kept.take().unwrap_or_default().into_string();
                self.chat.act(&self.actor, Resume { secret }).await
            }
            Introduced { .. } => {
                let detail = "connect with a nickname, a session_id or a token";
                return Ok(Some(Refusal::new(Code::BadCommand, detail)));
            }
        };
        let session = match connected {
            Ok(session) => session,
            Err(error) => return refused(error).map(Some),
        };
        self.send("connected", &json::connected(&session)).await?;
        self.belong_to(&session, open);
        let rooms = self.starts(&session, positions);
        match self.chat.act(&self.actor, Rejoin { rooms }).await {
            Ok(rejoined) => {
                for one in rejoined {
                    match one {
                        Ok(cursor) => self.reader.add(*cursor),
                        Err(ChatError::NoSuchRoom(room)) => {
                            let ended = Ended::new(&room, chat::End::NoSuchRoom);
                            self.send("end", &ended).await?;
                        }
                        Err(error) => self.refuse(error, &None).await?,
                    }
                }
                Ok(None)
            }
            Err(error) => Ok(Some(error.into())),
        }
    }

    /// Begins a session by proof of an account, or with a new one. Returns why not, where the client may
    /// try again.
    pub(super) async fn begin(
        &mut self,
        verb: impl Verb<Answer = Arc<Session>>,
        open: &Open,
    ) -> Result<Result<Arc<Session>, Refusal>, End> {
        if self.attached.is_some() {
            return Ok(Err(ChatError::HasSession.into()));
        }
        if let Err(error) = self.chat.charge(&self.actor, Cost::READ) {
            return Ok(Err(error.into()));
        }
        match self.chat.act(&self.actor, verb).await {
            Ok(session) => {
                self.belong_to(&session, open);
                Ok(Ok(session))
            }
            Err(error) => refused(error).map(Err),
        }
    }

    fn belong_to(&mut self, session: &Arc<Session>, open: &Open) {
        open.link().belongs_to(session);
        self.attached = Some(session.attach(self.signal.clone()));
        self.actor = self.actor.clone().with_session(session.clone());
    }

    /// A connect frame costs what it names.
    fn may_connect(&self, rooms: usize) -> Result<(), Refusal> {
        if self.attached.is_some() {
            // What it would cost to connect, a client that has connected need not pay.
            return Ok(());
        }
        if rooms > MOST_ROOMS {
            let detail = format!("cannot read {rooms} rooms: name {MOST_ROOMS} at most");
            return Err(Refusal::new(Code::TooManyRooms, detail));
        }
        let cost = Cost::READ.and(rooms, Cost::READ);
        Ok(self.chat.charge(&self.actor, cost)?)
    }

    /// Where to begin in each room: after the `seq` given, or with the last messages of a room
    /// that the session is in and the client did not name.
    fn starts(&self, session: &Session, positions: Positions) -> Vec<(String, Start)> {
        let Positions { rooms, epoch } = positions;
        let named = |name: &str| rooms.keys().any(|room| room.eq_ignore_ascii_case(name));
        let history = self.chat.rules().history;
        let others = session
            .rooms()
            .into_iter()
            .map(|room| room.name.as_str().to_owned());
        let others: Vec<_> = others
            .filter(|name| !named(name))
            .map(|name| (name, Start::Last(history)))
            .collect();
        let start = |seq| match &epoch {
            Some(epoch) => Start::In(epoch.clone(), seq),
            None => Start::After(seq),
        };
        let resumed = rooms.into_iter().map(|(room, seq)| (room, start(seq)));
        resumed.chain(others).collect()
    }
}

/// Without the database no client can be recognised: that ends, to come back when it is there.
fn refused(error: ChatError) -> Result<Refusal, End> {
    let refusal = Refusal::from(error);
    if refusal.code != Code::RateLimited && refusal.retry_after.is_some() {
        return Err(End::Later(refusal.detail));
    }
    Ok(refusal)
}
