//! Asking one instance how it is, over HTTP, with a deadline.
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::model::plain_line;

/// `/readyz` answers within one second, whatever the database does.
const WITHIN: Duration = Duration::from_secs(2);
/// Longer than any answer that is asked for here.
const LONGEST: u64 = 1 << 20;

/// What an instance answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) ok: bool,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.body[key].as_u64()
    }

    /// It is ours, and has no place even for a probe.
    pub(super) fn is_full(&self) -> bool {
        self.body["code"] == "full"
    }

    /// To the metrics: whether a client would be turned away.
    pub(super) fn places_are_used_up(&self) -> bool {
        let places = &self.body["queues"]["connections"];
        let (taken, most) = (places["depth"].as_u64(), places["limit"].as_u64());
        most.is_some() && taken >= most
    }
}

pub(super) async fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer within 2 s");
    tokio::time::timeout(WITHIN, exchange(address, path))
        .await
        .map_err(late)?
}

async fn exchange(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    let end = memchr::memmem::find(&answer, b"\r\n\r\n").ok_or_else(|| wrong("it is no HTTP"))?;
    let status = answer.get(9..12).unwrap_or_default();
    let body = serde_json::from_slice(&answer[end + 4..]);
    Ok(Answer {
        ok: status == b"200",
        body: body.map_err(|_| wrong("it is not ours"))?,
    })
}

/// Whether process `pid` is ready, and if not, why.
pub(super) async fn ready(address: SocketAddr, pid: u32) -> Result<(), String> {
    let answer = match get(address, "/readyz").await {
        Ok(answer) => answer,
        Err(error) => return Err(format!("http://{address}/readyz: {error}")),
    };
    match answer.number("pid") {
        Some(found) if found == u64::from(pid) && answer.ok => Ok(()),
        Some(found) if found == u64::from(pid) => Err(answer.body["reason"]
            .as_str()
            .map_or_else(|| "not ready".to_owned(), plain_line)),
        Some(found) => Err(format!("pid {found} answers on {address}")),
        None if answer.is_full() => Err("connections used up".to_owned()),
        None => Err(format!("somebody else answers on {address}")),
    }
}
