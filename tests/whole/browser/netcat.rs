//! Somebody with a netcat.
use crate::browser::server::Server;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub(crate) struct Netcat {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Netcat {
    /// Connects, takes a nickname and goes to the general room.
    pub(crate) async fn enter(server: &Server, nickname: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.tcp))
            .await
            .expect("connect to the TCP port");
        let (reader, writer) = stream.into_split();
        let mut netcat = Self {
            lines: BufReader::new(reader).lines(),
            writer,
        };
        netcat.say(&format!("/nick {nickname}")).await;
        netcat.say("/join general").await;
        netcat
            .hears_one(|line| {
                line.starts_with("[system]") && line.contains("general") && line.contains(nickname)
            })
            .await;
        netcat
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.writer
            .write_all(format!("{line}\n").as_bytes())
            .await
            .expect("write a line");
    }

    /// Reads until this line comes.
    pub(crate) async fn hears(&mut self, wanted: &str) {
        self.hears_one(|line| line == wanted).await;
    }

    async fn hears_one(&mut self, wanted: impl Fn(&str) -> bool) {
        let mut heard = Vec::new();
        let reading = async {
            while let Ok(Some(line)) = self.lines.next_line().await {
                if wanted(&line) {
                    return true;
                }
                heard.push(line);
            }
            false
        };
        let found = tokio::time::timeout(Duration::from_secs(30), reading).await;
        assert!(
            found == Ok(true),
            "the line did not come; these did: {heard:#?}"
        );
    }
}
