//! Sessions as values, to be given to another process and taken in there, and the stillness
//! that a line session keeps meanwhile.
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, watch};

use super::attached::Attached;
use super::bucket::Bucket;
use super::limits::Limiter;
use super::session::{InStore, LoggedIn, Session};
use super::warrant::Warrant;
use super::{Chat, ChatError, Cursor, Past, Showing, Start};
use crate::model::{
    ConnectionId, Nickname, RoomId, RoomName, RoomRef, Seq, SessionId, SessionKey, TransportKind,
    Uid, UserId, UserKey,
};
use crate::store::{Naming, Which};

/// What a session is, and where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionState {
    /// Empty where a token stands for it, and its key is known alone.
    secret: String,
    #[serde(default)]
    key: Option<String>,
    /// The token that caps it.
    #[serde(default)]
    token: Option<i64>,
    transport: String,
    nickname: String,
    user: Option<UserId>,
    guest: bool,
    /// It is logged in to its user's account.
    #[serde(default)]
    account: bool,
    rooms: Vec<(RoomId, String)>,
    /// The uids of the user and of each room; none where its process knew of none.
    #[serde(default)]
    user_uid: Option<Uid>,
    #[serde(default)]
    room_uids: Vec<Uid>,
    current: Option<RoomId>,
    /// Messages that it may send at once.
    tokens: f64,
    /// What it may ask for at once; all, where its process did not count.
    #[serde(default)]
    requests: Option<f64>,
    unused_ms: u64,
    touched_ms: u64,
    stored: bool,
    /// Sentences of a process that handed over words. A line session was shown all of them before.
    told: Vec<String>,
}

/// A line session in mid-sentence: everything but its socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LineState {
    pub connection: ConnectionId,
    pub since_ms: i64,
    /// The client's end, where that is not the socket's: a proxy told it.
    #[serde(default)]
    pub behind: Option<SocketAddr>,
    #[serde(default)]
    pub encrypted: bool,
    pub session: SessionState,
    /// The next message of each room that it reads.
    pub reading: Vec<(RoomId, Seq)>,
    /// What it is still to be shown of a past that it asked for: the room, the first, the last.
    #[serde(default)]
    pub past: Option<(RoomId, Seq, Seq)>,
    /// What it is shown beside what is said.
    #[serde(default)]
    pub showing: Option<Showing>,
    /// What it typed of a line that has no end yet, in hexadecimal; or, where that was too long,
    /// that the rest of the line is nothing.
    pub typed: String,
    pub skipping: bool,
    /// What was begun to be written to it, in hexadecimal.
    pub unwritten: String,
    /// For so long it has taken nothing.
    pub stalled_ms: u64,
}

/// A line session that holds still: what it is, and its socket.
#[derive(Debug)]
pub struct Still {
    pub state: LineState,
    pub socket: OwnedFd,
}

/// What becomes of those who hold still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Undecided,
    /// Another process goes on with them; here nothing of them is touched any more.
    Given,
    /// They go on here as if nothing had been.
    Kept,
}

/// The order to hold still: where to say so, and to hear what comes of it.
#[derive(Debug)]
pub struct HoldStill {
    pub still: mpsc::Sender<Still>,
    pub verdict: watch::Receiver<Verdict>,
}

impl Session {
    fn to_state(&self, limiter: &Limiter, now: Instant) -> SessionState {
        let ago = |then: Instant| now.saturating_duration_since(then).as_millis() as u64;
        let state = self.state.lock();
        let room = |room: &RoomRef| (room.key.id, room.name.as_str().to_owned());
        SessionState {
            secret: self.id().map_or("", SessionId::secret).to_owned(),
            key: self.id().is_none().then(|| self.key().as_str().to_owned()),
            token: state.token(),
            transport: state.transport.as_str().to_owned(),
            nickname: state.nickname.as_str().to_owned(),
            user: state.user.map(|user| user.id),
            user_uid: state.user.map(|user| user.uid),
            guest: state.naming == Naming::Given,
            account: state.account.is_some(),
            rooms: state.rooms.iter().map(room).collect(),
            room_uids: state.rooms.iter().map(|room| room.key.uid).collect(),
            current: state.current.as_ref().map(|room| room.key.id),
            tokens: state.messages.level(limiter.messages(), now),
            requests: Some(state.requests.level(limiter.requests(), now)),
            unused_ms: ago(state.last_used),
            touched_ms: ago(state.last_touched),
            stored: state.in_store == InStore::Online,
            told: Vec::new(),
        }
    }

    fn of_state(from: SessionState, limiter: &Limiter, now: Instant) -> Result<Self, ChatError> {
        let id = match &from.key {
            Some(_) => Some(SessionId::random()),
            None => SessionId::parse(&from.secret),
        };
        let id = id.ok_or(ChatError::UnknownSession)?;
        let transport = TransportKind::named(&from.transport)
            .ok_or_else(|| ChatError::internal(&"a session came over an unknown transport"))?;
        let nickname = Nickname::stored(&from.nickname);
        let naming = if from.guest {
            Naming::Given
        } else {
            Naming::Chosen
        };
        let mut session = Self::new(id, transport, nickname, naming, limiter, now);
        if let Some(key) = &from.key {
            session = session.known_by(SessionKey::stored(key));
        }
        let ago = |ms| {
            let then = now.checked_sub(Duration::from_millis(ms));
            then.unwrap_or(now)
        };
        {
            let mut state = session.state.lock();
            let user = UserKey::of(from.user, from.user_uid);
            let account = user.filter(|_| from.account);
            // Its role and display name are read once it is taken in.
            let account = account.map(|user| LoggedIn {
                user,
                display_name: None,
                role: None,
            });
            state.becomes(user, account);
            let rooms = from.rooms.iter().zip(&from.room_uids);
            let room =
                |((id, name), uid): (&(RoomId, String), &Uid)| RoomRef::stored(*id, *uid, name);
            state.rooms = rooms.map(room).collect();
            let current = state.rooms.iter().find(|r| Some(r.key.id) == from.current);
            state.current = current.cloned();
            state.messages = Bucket::holding(from.tokens, now);
            if let Some(requests) = from.requests {
                state.requests = Bucket::holding(requests, now);
            }
            state.last_used = ago(from.unused_ms);
            state.last_touched = ago(from.touched_ms);
            state.in_store = InStore::online_if(from.stored);
        }
        Ok(session)
    }
}

impl Chat {
    /// A session as another process can take it in.
    pub fn as_state(&self, session: &Session) -> SessionState {
        session.to_state(&self.limiter, self.clock().now())
    }

    /// A line session that another process had, with its secret and its nickname.
    pub async fn take_in(&self, mut state: SessionState) -> Result<Arc<Session>, ChatError> {
        self.identify(&mut state).await?;
        let token = state.token;
        let current = state.current;
        let session = Session::of_state(state, &self.limiter, self.clock().now())?;
        if let Some(account) = session.account() {
            let known = self.store().account_of(account.user).await?;
            known.iter().for_each(|account| session.take_role(account));
        }
        if let Some(token) = token {
            match self.token_holds(Which::Id(token)).await {
                Ok((token, _)) => session.cap(Some(Arc::new(Warrant::of(&token)))),
                Err(ChatError::NotVouched(_)) => session.end(),
                Err(error) => return Err(error),
            }
        }
        let session = self.presence.insert(Arc::new(session));
        self.follow_directs(&session).await?;
        session.be_in(current);
        Ok(session)
    }

    /// Finds rooms and user by their names where the process that handed over knew of no uids.
    async fn identify(&self, state: &mut SessionState) -> Result<(), ChatError> {
        if state.room_uids.len() != state.rooms.len() {
            let mut found = Vec::new();
            for (id, name) in std::mem::take(&mut state.rooms) {
                let room = self.find(&RoomName::stored(&name)).await?;
                found.extend(room.filter(|room| room.key.id == id));
            }
            let named = found
                .iter()
                .map(|room| (room.key.id, room.name.as_str().to_owned()));
            state.rooms = named.collect();
            state.room_uids = found.iter().map(|room| room.key.uid).collect();
        }
        if state.user.is_some() && state.user_uid.is_none() {
            let user = self.store().user(&state.nickname).await?;
            (state.user, state.user_uid) = (Some(user.id), Some(user.uid));
        }
        Ok(())
    }

    /// Goes on reading a room of a session that was taken in, at `next`.
    pub async fn read_on(
        &self,
        attached: &Attached,
        room: RoomId,
        next: Seq,
    ) -> Result<Cursor, ChatError> {
        let Some(room) = attached.session().reads(room) else {
            return Err(ChatError::internal(&"a session reads where it is not"));
        };
        self.hub.remember(room.clone());
        let start = Start::After(next.previous());
        let signal = attached.signal().clone();
        Ok(self.hub.read(&room, start, signal).await?)
    }

    /// Goes on showing a part of a room's past to a session that was taken in.
    pub fn past_on(&self, session: &Session, past: (RoomId, Seq, Seq)) -> Option<Box<Past>> {
        let (room, first, last) = past;
        let room = session.reads(room)?;
        Some(Box::new(self.hub.past_of(&room, (first, last))))
    }

    /// The session goes on in another process: no room is told anything.
    pub fn let_go(&self, session: &Session) {
        self.presence.remove(session.key());
    }

    /// Those who are online here without a line connection.
    pub fn others(&self) -> Vec<SessionState> {
        let sessions = self.presence.sessions().into_iter();
        let online = sessions.filter(|session| session.is_anywhere() && session.is_online());
        let state = |session: Arc<Session>| {
            let mut state = self.as_state(&session);
            if session.is_attached() {
                // In use until now, however long nothing was said.
                state.unused_ms = 0;
            }
            state
        };
        online.map(state).collect()
    }

    /// Expects a session that was online through another process and may come back by a secret;
    /// who does not is idle after a while, as they would have been there.
    pub async fn expect(&self, mut state: SessionState) -> Result<(), ChatError> {
        self.identify(&mut state).await?;
        let session = Session::of_state(state, &self.limiter, self.clock().now())?;
        if let Some(account) = session.account() {
            let known = self.store().account_of(account.user).await?;
            known.iter().for_each(|account| session.take_role(account));
        }
        self.presence.expect(Arc::new(session));
        Ok(())
    }

    /// The rooms that are read here.
    pub fn read_rooms(&self) -> Vec<(RoomId, String)> {
        let room = |room: RoomRef| (room.key.id, room.name.as_str().to_owned());
        self.hub.warm_refs().into_iter().map(room).collect()
    }

    /// Has a room's newest messages in memory before it is read.
    pub async fn warm(&self, (_, name): (RoomId, String)) -> Result<(), ChatError> {
        let room = self.room(&name).await?;
        let nobody = Arc::<Notify>::default();
        self.hub.read(&room, Start::Last(0), nobody).await?;
        Ok(())
    }
}
