//! The connect frame: who a connection is, and where it goes on reading.
use std::collections::BTreeMap;

use serde_json::json;

use super::{Connection, End};
use crate::chat::{ChatError, Code, MOST_ROOMS, Open, Session, Start, cost};
use crate::model::{Seq, TransportKind};

impl Connection {
    /// Begins a session or resumes one, with each of its rooms where the client left it.
    pub(super) async fn connect(
        &mut self,
        who: (Option<&str>, Option<&str>),
        rooms: BTreeMap<String, Seq>,
        open: &Open,
    ) -> Result<Result<(), ChatError>, End> {
        if self.session.is_some() {
            let detail = "this connection has a session already";
            return Ok(Err(ChatError::new(Code::BadCommand, detail)));
        }
        if let Err(error) = self.may_connect(rooms.len()) {
            return Ok(Err(error));
        }
        let session = match who {
            (_, Some(secret)) => self.chat.resume(secret, TransportKind::WebSocket).await,
            (Some(nickname), None) => {
                self.chat
                    .connect(Some(nickname), TransportKind::WebSocket, &self.origin)
                    .await
            }
            (None, None) => {
                let detail = "connect with a nickname or a session_id";
                Err(ChatError::new(Code::BadCommand, detail))
            }
        };
        let session = match session {
            Ok(session) => session,
            // Without the database nobody can be recognised: come back when it is there.
            Err(error) if error.code == Code::RateLimited => return Ok(Err(error)),
            Err(error) if error.retry_after.is_some() => return Err(End::Later(error.detail)),
            Err(error) => return Ok(Err(error)),
        };
        let connected = json!({
            "session_id": session.id().secret(),
            "user_id": session.user(),
            "nickname": session.nickname().as_str(),
        });
        self.send("connected", &connected).await?;
        open.link().belongs_to(&session);
        let attached = session.attach();
        self.session = Some((session.clone(), attached));
        let starts = self.starts(&session, rooms);
        for rejoined in self.chat.rejoin_all(&session, starts, &self.signal).await {
            match rejoined {
                Ok(cursor) => self.reader.add(*cursor),
                Err(error) => self.refuse(&error, &None).await?,
            }
        }
        Ok(Ok(()))
    }

    /// A connect frame costs what it names.
    fn may_connect(&self, rooms: usize) -> Result<(), ChatError> {
        if rooms > MOST_ROOMS {
            let detail = format!("cannot read {rooms} rooms: name {MOST_ROOMS} at most");
            return Err(ChatError::new(Code::TooManyRooms, detail));
        }
        let rooms = u32::try_from(rooms).unwrap_or(u32::MAX);
        let costs = cost("frame connect") + rooms * cost("frame connect, each room");
        self.chat.charge(&self.origin, None, costs)
    }

    /// Where to begin in each room: after the `seq` given, or with the last messages of a room
    /// that the session is in and the client did not name.
    fn starts(&self, session: &Session, rooms: BTreeMap<String, Seq>) -> Vec<(String, Start)> {
        let named = |name: &str| rooms.keys().any(|room| room.eq_ignore_ascii_case(name));
        let history = Start::Last(self.chat.rules().history);
        let others = session
            .rooms()
            .into_iter()
            .map(|room| room.name.as_str().to_owned());
        let others: Vec<_> = others
            .filter(|name| !named(name))
            .map(|name| (name, history))
            .collect();
        let resumed = rooms
            .into_iter()
            .map(|(room, seq)| (room, Start::After(seq)));
        resumed.chain(others).collect()
    }
}
