//! netcat: lines out, lines in.
use std::net::SocketAddr;

use discordctl::client::Lines;

use super::{DEADLINE, in_time};

pub(crate) struct Netcat(Lines);

impl Netcat {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let lines = Lines::connect(address, DEADLINE).await;
        let mut netcat = Self(lines.expect("it listens"));
        netcat.line_with("/help").await;
        netcat
    }

    /// Connects, takes a nickname and goes to the general room.
    pub(crate) async fn enter(address: SocketAddr, nickname: &str) -> Self {
        let mut netcat = Self::connect(address).await;
        netcat
            .write(&format!("/nick {nickname}\n/join general\n"))
            .await;
        let joined = format!("[system] {nickname} joined general");
        netcat.line_with(&joined).await;
        netcat
    }

    pub(crate) async fn write(&mut self, text: &str) {
        let written = self.0.write(text.as_bytes()).await;
        written.expect("the connection is open");
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.write(&format!("{line}\n")).await;
    }

    /// The next line that holds `part`.
    pub(crate) async fn line_with(&mut self, part: &str) -> String {
        let mut others = Vec::new();
        let look = async {
            loop {
                let line = self.0.next().await.expect("readable");
                match line {
                    Some(line) if line.contains(part) => return line,
                    Some(line) => others.push(line),
                    None => panic!("the connection ended before '{part}', after {others:#?}"),
                }
            }
        };
        in_time(&format!("a line with '{part}'"), look).await
    }

    /// The next line of the system that begins with `start`.
    pub(crate) async fn told(&mut self, start: &str) -> String {
        let line = self.line_with(&format!("[system] {start}")).await;
        line.trim_start_matches("[system] ").to_owned()
    }

    /// Types a command; returns the lines that answer it.
    pub(crate) async fn command(&mut self, command: &str) -> Vec<String> {
        // What is no command is answered too, and so marks where the answer ends.
        self.write(&format!("{command}\n/end\n")).await;
        let mut answer = Vec::new();
        loop {
            let line = self.line_with("").await;
            if line.contains("'/end'") {
                return answer;
            }
            answer.push(line);
        }
    }
}
