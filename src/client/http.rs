//! A request and its answer, on a connection of its own. The wire format is hyper's.
use std::time::Duration;

use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST};
use http::request::Builder;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Buffer, ClientError, Target, bounded};

/// A page that is longer is not one of ours.
const LONGEST: usize = 4 << 20;

/// What a server answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// The header of that name, if there is one and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null if it is none. Its texts have one line each: whatever answers there,
    /// it cannot add lines of its own to what is told of it.
    pub fn json(&self) -> Value {
        let mut value = serde_json::from_str(&self.body).unwrap_or_default();
        flatten(&mut value);
        value
    }

    /// The body as that type, its texts with one line each.
    ///
    /// # Errors
    /// [`ClientError::Foreign`] for one that is not of that type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_value(self.json()).map_err(|_| ClientError::Foreign)
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
///
/// # Errors
/// Where there is no answer in time. One that says no is an answer.
pub async fn get(
    at: impl Into<Target>,
    path: &str,
    accept: &str,
    within: Duration,
) -> Result<Answer, ClientError> {
    let request = Request::get(path).header(ACCEPT, accept);
    send(at, request, String::new(), within).await
}

/// Posts `body` to `path`, within the same bound.
///
/// # Errors
/// As [`get`].
pub async fn post(
    at: impl Into<Target>,
    path: &str,
    body: &Value,
    within: Duration,
) -> Result<Answer, ClientError> {
    let request = Request::post(path).header(CONTENT_TYPE, "application/json");
    send(at, request, body.to_string(), within).await
}

/// Sends any request, within the same bound.
///
/// # Errors
/// As [`get`].
pub async fn send(
    at: impl Into<Target>,
    request: Builder,
    body: String,
    within: Duration,
) -> Result<Answer, ClientError> {
    bounded(within, async {
        let stream = at.into().reach(Buffer::Usual).await?;
        let request = request.header(CONNECTION, "close");
        whole(open(stream, request, body).await?).await
    })
    .await
}

/// Sends a request over `stream` and returns the head of the answer; its body comes as it is read.
/// The request is for [`HOST`](super::HOST) unless it names another. Has no deadline.
///
/// # Errors
/// Where there is no head, or it is none of HTTP's.
pub async fn open<S>(
    stream: S,
    request: Builder,
    body: String,
) -> Result<Response<Incoming>, ClientError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut request = request.body(body)?;
    let host = HeaderValue::from_static(super::HOST);
    request.headers_mut().entry(HOST).or_insert(host);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer, or when that is dropped; how is told where it is read.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

async fn whole(response: Response<Incoming>) -> Result<Answer, ClientError> {
    let (head, body) = response.into_parts();
    let read = Limited::new(body, LONGEST).collect().await;
    let body = match read.map_err(|error| error.downcast::<hyper::Error>()) {
        Ok(read) => read.to_bytes(),
        Err(Ok(error)) => return Err((*error).into()),
        Err(Err(_too_long)) => return Err(ClientError::Foreign),
    };
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of an answer that consists of these bytes.
    async fn read(answer: &'static [u8]) -> Result<Answer, ClientError> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (ours, mut theirs) = tokio::io::duplex(1 << 10);
        tokio::spawn(async move {
            let asked = theirs.read(&mut [0; 1 << 10]).await?;
            assert!(asked > 0);
            theirs.write_all(answer).await
        });
        whole(open(ours, Request::get("/readyz"), String::new()).await?).await
    }

    #[tokio::test]
    async fn an_answer_is_read_and_anything_else_is_none() {
        let answer = read(b"HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\n{\"ready\":false}");
        let answer = answer.await.expect("an answer");
        assert_eq!(
            (answer.status, answer.json()["ready"].as_bool()),
            (503, Some(false))
        );
        assert_eq!(answer.header("a"), Some("b"));
        let answer = read(b"HTTP/1.0 200 OK\r\n\r\n{\"a\":[\"x\\ny\"]}").await;
        assert_eq!(answer.expect("an answer").json()["a"][0], "x y");
        for strange in [
            "",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 ok\r\n\r\n",
            "[system] welcome\n",
        ] {
            let read = read(strange.as_bytes()).await;
            assert!(matches!(read, Err(ClientError::Foreign)), "{strange}");
        }
    }
}
