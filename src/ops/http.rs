//! One GET to an instance, for whoever watches it: HTTP/1.0, so that the answer comes whole and
//! ends with the connection.
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A page that is longer is not one of ours.
const MOST: u64 = 4 << 20;

/// As what an instance is asked on whatever address: to this name it always answers, also where
/// `http.hosts` is set.
pub const HOST: &str = "localhost";

/// What an instance answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{}", refused(.0))]
    Io(#[from] io::Error),
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("what answers there does not speak HTTP as discordctl does")]
    Foreign,
}

impl Answer {
    /// The body as JSON; null if it is none. Its texts have one line each: whatever answers there,
    /// it can't add lines of its own to what is told of it.
    pub fn json(&self) -> Value {
        let mut value = serde_json::from_str(&self.body).unwrap_or_default();
        flatten(&mut value);
        value
    }
}

fn flatten(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(['\n', '\t']) => {
            *text = text.replace(['\n', '\t'], " ")
        }
        Value::Array(values) => values.iter_mut().for_each(flatten),
        Value::Object(entries) => entries.values_mut().for_each(flatten),
        _ => {}
    }
}

/// Asks for `path`; `accept` says in which form. Everything together takes `within` at most.
pub async fn get(
    address: SocketAddr,
    path: &str,
    accept: &str,
    within: Duration,
) -> Result<Answer, HttpError> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {HOST}\r\nAccept: {accept}\r\n\r\n");
    ask(address, request, within).await
}

/// Posts `body` to `path`, within the same bound.
pub async fn post(
    address: SocketAddr,
    path: &str,
    body: &Value,
    within: Duration,
) -> Result<Answer, HttpError> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    ask(address, request, within).await
}

async fn ask(address: SocketAddr, request: String, within: Duration) -> Result<Answer, HttpError> {
    match timeout(within, exchange(address, request)).await {
        Ok(answer) => answer,
        Err(_) => Err(HttpError::Late(within)),
    }
}

async fn exchange(address: SocketAddr, request: String) -> Result<Answer, HttpError> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer).await?;
    read(&String::from_utf8_lossy(&answer)).ok_or(HttpError::Foreign)
}

fn read(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    Some(Answer {
        status: status.parse().ok()?,
        body: body.to_owned(),
    })
}

/// What people call it, without the number of the system's error.
fn refused(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".into(),
        io::ErrorKind::ConnectionReset => "it hung up".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_anything_else_is_none() {
        let answer = read("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\n{\"ready\":false}");
        let answer = answer.expect("an answer");
        assert_eq!(
            (answer.status, answer.json()["ready"].as_bool()),
            (503, Some(false))
        );
        let answer = read("HTTP/1.0 200 OK\r\n\r\n{\"a\":[\"x\\ny\"]}").expect("an answer");
        assert_eq!(answer.json()["a"][0], "x y");
        for strange in [
            "",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 ok\r\n\r\n",
            "[system] welcome\n",
        ] {
            assert_eq!(read(strange), None, "{strange}");
        }
    }
}
