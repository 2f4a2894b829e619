//! Requests, each on a connection of its own, so that none depends on another's.
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server that takes longer than this to answer hangs.
const HANGS: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The stable name of a refusal.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("no code")
    }
}

pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> io::Result<Answer> {
    let exchange = exchange(address, method, path, body);
    let answer = timeout(HANGS, exchange).await;
    answer.unwrap_or_else(|_| panic!("{method} {path} hangs"))
}

async fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> io::Result<Answer> {
    let body = body.map(|b| b.to_string()).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
    let status = head.get(9..12).and_then(|s| s.parse().ok());
    Ok(Answer {
        status: status.ok_or_else(cut)?,
        head: head.to_ascii_lowercase(),
        body: serde_json::from_str(body).map_err(|_| cut())?,
    })
}

pub(crate) async fn post(address: SocketAddr, path: &str, body: Value) -> io::Result<Answer> {
    request(address, "POST", path, Some(body)).await
}

/// Begins a session and returns its secret.
pub(crate) async fn connect(address: SocketAddr, nickname: &str) -> String {
    let answer = post(address, "/api/connect", json!({ "nickname": nickname })).await;
    let answer = answer.expect("it answers");
    assert_eq!(answer.status, 200, "{answer:?}");
    let session = answer.body["session_id"].as_str();
    session.expect("a session").to_owned()
}
