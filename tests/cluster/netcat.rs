//! netcat: lines out, lines in.
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::support::DEADLINE;

pub(crate) struct Netcat {
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl Netcat {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let (read, write) = stream.into_split();
        let lines = BufReader::new(read).lines();
        let mut netcat = Self { lines, write };
        netcat.line_with("/help").await;
        netcat
    }

    pub(crate) async fn write(&mut self, text: &str) {
        let written = self.write.write_all(text.as_bytes()).await;
        written.expect("the connection is open");
    }

    /// The next line that holds `part`.
    pub(crate) async fn line_with(&mut self, part: &str) -> String {
        let look = async {
            loop {
                let line = self.lines.next_line().await.expect("readable");
                let line = line.expect("the connection is open");
                if line.contains(part) {
                    return line;
                }
            }
        };
        let line = timeout(DEADLINE, look).await;
        line.unwrap_or_else(|_| panic!("no line with '{part}'"))
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
