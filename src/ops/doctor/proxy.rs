//! A stream through the public URL: whether what stands there lets it through as it comes.
use http::Uri;
use http::header::{AUTHORIZATION, HOST};
use http::uri::Scheme;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::super::deadline::Deadline;
use super::super::finding::{Finding, Verdict};
use crate::client::{self, ClientError, Event, Events};
use crate::model::Password;
use crate::tls::{Connector, Trust};

const CHECK: &str = "proxy";
const STREAM: &str = "api/messages/general?history=0";

/// The stream below the URL of the web client.
fn stream_below(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let (scheme, authority) = (uri.scheme()?, uri.authority()?);
    // A name and a password are for no proxy of ours.
    let port = authority.as_str().strip_prefix(authority.host())?;
    let port_is_one = port.is_empty() || port.strip_prefix(':')?.parse::<u16>().is_ok();
    if !port_is_one || !matches!(scheme.as_str(), "http" | "https") {
        return None;
    }
    let path = format!("{}/{STREAM}", uri.path().trim_end_matches('/'));
    let (scheme, authority) = (scheme.clone(), authority.clone());
    let stream = Uri::builder().scheme(scheme).authority(authority);
    stream.path_and_query(path).build().ok()
}

pub(super) async fn look(url: &str, token: Option<&Password>, deadline: Deadline) -> Finding {
    let bad = |level, detail: String| Finding::bad(CHECK, url, level, detail);
    let Some(stream) = stream_below(url) else {
        return bad(Verdict::Unknown, "it is no http:// or https:// URL".into())
            .fix("give the URL under which clients find the web client");
    };
    let start = Instant::now();
    match deadline.bound(ask(&stream, token, deadline)).await {
        Ok(Ok(Answered::Stream(mut stream))) => match deadline.bound(stream.next()).await {
            // What every stream begins with, at once.
            Ok(Ok(Some(Event::Comment(first)))) if first == "connected" => {
                let well = "a stream comes through as it is written";
                Finding::ok(CHECK, url, well).took(start.elapsed())
            }
            _ => bad(
                Verdict::Critical,
                "it answers, and holds back what the stream carries: messages come late or never"
                    .into(),
            )
            .fix(
                "turn off buffering for /api/: 'proxy_buffering off' in nginx, no compression, \
             no caching; config/nginx.conf shows it",
            ),
        },
        // Nothing at all is what a proxy does that waits for the whole of an endless answer.
        Err(late) => bad(
            Verdict::Critical,
            format!("{late}: it buffers the whole answer, or leads nowhere"),
        )
        .fix(
            "see that an instance answers behind it (discordctl health), then turn off \
             buffering: 'proxy_buffering off' in nginx; config/nginx.conf shows it",
        ),
        // Misdirected (RFC 9110, section 15.5.20).
        Ok(Ok(Answered::Status(421))) => bad(
            Verdict::Critical,
            "what is behind it does not answer under this name".into(),
        )
        .fix(format!("set 'http.public_url' of the instances to {url}")),
        Ok(Ok(Answered::Status(401))) if token.is_none() => bad(
            Verdict::Unknown,
            "guests may not read there, so that no stream was read".into(),
        )
        .fix(
            "discordctl token create --user NAME --scopes read, and give that to \
             discordctl doctor --url URL --token-stdin",
        ),
        Ok(Ok(Answered::Status(status @ (401 | 403)))) => bad(
            Verdict::Unknown,
            format!(
                "it answers {status}: the token may not read 'general', or does not come through"
            ),
        )
        .fix("let the proxy pass on Authorization; discordctl token list shows what the token may"),
        Ok(Ok(Answered::Status(status))) => bad(
            Verdict::Critical,
            format!("it answers {status}, and no stream"),
        )
        .fix("see that it passes /api/ on to the instances"),
        Ok(Err(ClientError::Foreign)) => {
            bad(Verdict::Critical, "what answers there is no HTTP".into())
                .fix("see that the name leads to the proxy")
        }
        Ok(Err(error)) => bad(Verdict::Critical, error.to_string())
            .fix("see that the name leads to the proxy and the proxy runs"),
    }
}

enum Answered {
    Stream(Events),
    /// And no stream.
    Status(u16),
}

async fn ask(
    url: &Uri,
    token: Option<&Password>,
    deadline: Deadline,
) -> Result<Answered, ClientError> {
    let is_safe = url.scheme() == Some(&Scheme::HTTPS);
    let (host, usual) = (
        url.host().unwrap_or_default(),
        if is_safe { 443 } else { 80 },
    );
    let port = url.port_u16().unwrap_or(usual);
    let name = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((name, port)).await?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Events::request(path)
        .header(HOST, format!("{host}:{port}"))
        .header("user-agent", "discordctl");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.secret()));
    }
    let response = if is_safe {
        let stream = Connector::new(Trust::System)?.connect(name, stream).await?;
        client::open(stream, request, String::new()).await?
    } else {
        client::open(stream, request, String::new()).await?
    };
    let status = response.status().as_u16();
    let stream = Events::of(response, deadline.within);
    Ok(stream.map_or(Answered::Status(status), Answered::Stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_the_stream_is_asked_for_below_it() {
        for (url, expected) in [
            ("http://chat.example", Some("http://chat.example")),
            (
                "https://chat.example/talk/",
                Some("https://chat.example/talk"),
            ),
            ("http://h/a/b/", Some("http://h/a/b")),
            ("http://[::1]:3001/?x=1", Some("http://[::1]:3001")),
            ("http://[::1]", Some("http://[::1]")),
            ("ftp://chat.example", None),
            ("chat.example", None),
            ("http://", None),
            ("http://a\r\nHost: b/", None),
            ("http://me:secret@a/", None),
            ("http://a:port/", None),
        ] {
            let expected = expected.map(|at| format!("{at}/api/messages/general?history=0"));
            let found = stream_below(url).map(|stream| stream.to_string());
            assert_eq!(found, expected, "{url}");
        }
    }
}
