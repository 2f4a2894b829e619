//! One person at a keyboard, whichever way they came: what every transport can do, said once.
use std::collections::VecDeque;

use async_trait::async_trait;
use discordctl::client::{self, Buffer, ClientError, Event, Events, Frame, Target};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{DEADLINE, http, in_time};

/// A message as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) room: String,
    pub(crate) user: String,
    pub(crate) content: String,
}

/// What a person can do.
#[async_trait]
pub(crate) trait Person: Send {
    /// Types a command; the answer's text, or why not.
    async fn command(&mut self, line: &str) -> Result<String, String>;
    /// Says something; answers once it is known to be committed, or why not.
    async fn say(&mut self, room: &str, text: &str) -> Result<(), String>;
    /// The next message that is seen.
    async fn see(&mut self) -> Seen;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    Http,
    WebSocket,
}

pub(crate) const WAYS: [Way; 3] = [Way::Tcp, Way::Http, Way::WebSocket];

/// Connects as `nickname` over `way`.
pub(crate) async fn connect(
    way: Way,
    tcp: impl Into<Target>,
    http: impl Into<Target>,
    nickname: &str,
) -> Box<dyn Person> {
    match way {
        Way::Tcp => {
            let mut lines = Lines::connect(tcp).await;
            let named = lines.command(&format!("/nick {nickname}")).await;
            named.expect("the name is free");
            Box::new(lines)
        }
        Way::Http => Box::new(Browser::connect(http, nickname).await),
        Way::WebSocket => Box::new(Socket::connect(http, nickname).await),
    }
}

/// netcat.
pub(crate) struct Lines {
    pub(crate) lines: client::Lines,
    seen: VecDeque<Seen>,
    told: VecDeque<String>,
}

impl Lines {
    pub(crate) async fn connect(address: impl Into<Target>) -> Self {
        let lines = client::Lines::connect(address, DEADLINE).await;
        let mut lines = Self {
            lines: lines.expect("it listens"),
            seen: VecDeque::new(),
            told: VecDeque::new(),
        };
        assert!(
            lines.told().await.contains("/help"),
            "the greeting names /help"
        );
        lines
    }

    /// Connects, takes a nickname and goes to the general room.
    pub(crate) async fn enter(address: impl Into<Target>, nickname: &str) -> Self {
        let mut lines = Self::connect(address).await;
        for command in [&*format!("/nick {nickname}"), "/join general"] {
            lines.command(command).await.expect(command);
        }
        lines
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = self.lines.write(bytes.as_ref()).await;
        written.expect("the connection is open");
    }

    /// The next raw line, or `None` at the end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        match self.lines.next().await {
            Ok(line) => line,
            Err(ClientError::Io(_)) => None,
            Err(error) => panic!("no line: {error}"),
        }
    }

    async fn sort_next(&mut self) {
        let line = self.line().await.expect("the connection is open");
        let (room, rest) = line
            .strip_prefix('[')
            .and_then(|l| l.split_once("] "))
            .expect("a prefix");
        match room {
            "system" => self.told.push_back(rest.to_owned()),
            room => {
                let (user, content) = rest.split_once(": ").expect("an author");
                self.seen.push_back(Seen {
                    room: room.into(),
                    user: user.into(),
                    content: content.into(),
                });
            }
        }
    }

    /// The next raw line that holds `part`; others are passed over.
    pub(crate) async fn line_with(&mut self, part: &str) -> String {
        let mut others = Vec::new();
        let look = async {
            while let Some(line) = self.line().await {
                if line.contains(part) {
                    return line;
                }
                others.push(line);
            }
            panic!("the connection ended before '{part}', after {others:#?}");
        };
        in_time(&format!("a line with '{part}'"), look).await
    }

    /// Types a command; returns the raw lines that come up to its answer's end.
    pub(crate) async fn answer(&mut self, command: &str) -> Vec<String> {
        self.write(format!("{command}\n/end\n")).await;
        let mut answer = Vec::new();
        loop {
            let line = self.line_with("").await;
            if line.contains("'/end'") {
                return answer;
            }
            answer.push(line);
        }
    }

    /// The next system line.
    pub(crate) async fn told(&mut self) -> String {
        loop {
            if let Some(told) = self.told.pop_front() {
                return told;
            }
            self.sort_next().await;
        }
    }
}

#[async_trait]
impl Person for Lines {
    async fn command(&mut self, line: &str) -> Result<String, String> {
        self.told.clear();
        // What is no command is answered too, and so marks where the answer before it ends.
        self.write(format!("{line}\n/end\n")).await;
        let told = self.told().await;
        while !self.told().await.contains("'/end'") {}
        let refused = [
            "there is",
            "somebody",
            "usage:",
            "you are in no",
            "you are not",
            "a nickname",
            "too many",
        ];
        match refused.iter().any(|r| told.starts_with(r)) {
            true => Err(told),
            false => Ok(told),
        }
    }

    async fn say(&mut self, room: &str, text: &str) -> Result<(), String> {
        self.told.clear();
        let known = self.seen.len();
        self.write(format!("{text}\n")).await;
        loop {
            // A slash that is doubled is shown once.
            let shown = text.strip_prefix('/').unwrap_or(text);
            if self
                .seen
                .iter()
                .skip(known)
                .any(|seen| seen.room == room && seen.content == shown)
            {
                return Ok(());
            }
            if let Some(told) = self.told.iter().find(|told| told.starts_with("not sent")) {
                return Err(told.clone());
            }
            self.sort_next().await;
        }
    }

    async fn see(&mut self) -> Seen {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return seen;
            }
            self.sort_next().await;
        }
    }
}

/// A browser: requests, and a stream for each room.
pub(crate) struct Browser {
    address: Target,
    pub(crate) session: String,
    seen: mpsc::UnboundedReceiver<Seen>,
    events: mpsc::UnboundedSender<Seen>,
}

/// What `path` is answered with: the status and the JSON body.
pub(crate) async fn get(address: impl Into<Target>, path: &str) -> (u16, Value) {
    let answer = http::request(address, "GET", path, None).await.unwrap();
    (answer.status, answer.body)
}

/// The same of what is posted.
pub(crate) async fn post(address: impl Into<Target>, path: &str, body: Value) -> (u16, Value) {
    let answer = http::post(address, path, body).await.unwrap();
    (answer.status, answer.body)
}

impl Browser {
    pub(crate) async fn connect(address: impl Into<Target>, nickname: &str) -> Self {
        let address = address.into();
        let session = http::connect(address, nickname).await;
        let (events, seen) = mpsc::unbounded_channel();
        Self {
            address,
            session,
            seen,
            events,
        }
    }

    /// Opens the stream of a room, and is through when it is live.
    pub(crate) async fn listen(&self, room: &str, query: &str) {
        let path = format!("/api/messages/{room}?session_id={}{query}", self.session);
        let stream = Events::open(self.address, &path, None, Buffer::Usual, DEADLINE).await;
        let mut stream = stream.expect("a stream");
        let first = stream.next().await.expect("readable");
        assert_eq!(first, Some(Event::Comment("connected".to_owned())));
        let events = self.events.clone();
        tokio::spawn(async move {
            while let Ok(Some(event)) = stream.next().await {
                let Event::Named { name, data, .. } = event else {
                    continue;
                };
                let data: Value = serde_json::from_str(&data).expect("JSON");
                if name == "message" && events.send(seen(&data)).is_err() {
                    return;
                }
            }
        });
    }
}

fn seen(data: &Value) -> Seen {
    let text = |key: &str| data[key].as_str().expect("a text").to_owned();
    Seen {
        room: text("room"),
        user: text("user"),
        content: text("content"),
    }
}

#[async_trait]
impl Person for Browser {
    async fn command(&mut self, line: &str) -> Result<String, String> {
        let asked = json!({ "session_id": self.session, "command": line });
        let (status, answer) = post(self.address, "/api/command", asked).await;
        if status != 200 {
            return Err(answer["detail"].as_str().expect("a detail").to_owned());
        }
        let joined = ["/join ", "/create "]
            .iter()
            .any(|verb| line.starts_with(verb));
        if let (true, Some(room)) = (joined, answer["data"]["room"].as_str()) {
            self.listen(room, "").await;
        }
        Ok(answer["message"].as_str().expect("a message").to_owned())
    }

    async fn say(&mut self, room: &str, text: &str) -> Result<(), String> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let asked = json!({ "session_id": self.session, "room": room, "content": text });
        let (status, answer) = post(self.address, "/api/message", asked).await;
        match status {
            200 => Ok(()),
            _ => Err(answer["detail"].as_str().expect("a detail").to_owned()),
        }
    }

    async fn see(&mut self) -> Seen {
        in_time("a message", self.seen.recv())
            .await
            .expect("the stream is open")
    }
}

/// A WebSocket client.
pub(crate) struct Socket {
    pub(crate) socket: client::Socket,
    pub(crate) session: String,
    seen: VecDeque<Seen>,
    count: u64,
}

impl Socket {
    pub(crate) async fn open(address: impl Into<Target>) -> Self {
        let socket = client::Socket::open(address, DEADLINE).await;
        Self {
            socket: socket.expect("the handshake"),
            session: String::new(),
            seen: VecDeque::new(),
            count: 0,
        }
    }

    /// Opens one and connects with these keys.
    pub(crate) async fn greet(address: impl Into<Target>, mut hello: Value) -> Self {
        let mut socket = Self::open(address).await;
        hello["type"] = "connect".into();
        socket.send(hello).await;
        let connected = socket.next().await;
        assert_eq!(connected["type"], "connected", "{connected}");
        // One that shows a token is given none.
        let session = connected["session_id"].as_str();
        socket.session = session.unwrap_or_default().to_owned();
        socket
    }

    pub(crate) async fn connect(address: impl Into<Target>, nickname: &str) -> Self {
        Self::greet(address, json!({ "nickname": nickname })).await
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.socket.send(&frame).await.expect("open");
    }

    /// The next frame that is no ping.
    pub(crate) async fn next(&mut self) -> Value {
        match self.socket.next().await.expect("a frame") {
            Frame::Json(frame) => frame,
            Frame::Closed(code) => panic!("closed: {code:?}"),
        }
    }

    /// Waits for the end, where nothing else may come; the code that it was given.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        match self.socket.next().await.expect("a frame") {
            Frame::Closed(code) => code,
            Frame::Json(frame) => panic!("{frame}"),
        }
    }

    async fn reply(&mut self) -> Value {
        loop {
            let frame = self.next().await;
            match frame["type"].as_str() {
                Some("message") => self.seen.push_back(seen(&frame)),
                Some("reply" | "error") if frame["ref"] == self.count => return frame,
                _ => {}
            }
        }
    }

    pub(crate) async fn ask(&mut self, mut frame: Value) -> Result<Value, String> {
        self.count += 1;
        frame["ref"] = self.count.into();
        self.send(frame).await;
        let answer = self.reply().await;
        match answer["type"].as_str() {
            Some("reply") => Ok(answer),
            _ => Err(answer["detail"].as_str().expect("a detail").to_owned()),
        }
    }
}

#[async_trait]
impl Person for Socket {
    async fn command(&mut self, line: &str) -> Result<String, String> {
        let asked = json!({ "type": "command", "command": line });
        let answer = self.ask(asked).await?;
        Ok(answer["message"].as_str().expect("a message").to_owned())
    }

    async fn say(&mut self, room: &str, text: &str) -> Result<(), String> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let frame = json!({ "type": "message", "room": room, "content": text });
        self.ask(frame).await.map(drop)
    }

    async fn see(&mut self) -> Seen {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return seen;
            }
            let frame = self.next().await;
            if frame["type"] == "message" {
                return seen(&frame);
            }
        }
    }
}
