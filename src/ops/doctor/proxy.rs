//! A stream through the public URL: whether what stands there lets it through as it comes.
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::super::deadline::Deadline;
use super::super::finding::{Finding, Verdict};

const CHECK: &str = "proxy";
/// What every stream begins with, at once.
const FIRST: &str = ": connected";
const STREAM: &str = "api/messages/general?history=0";

/// `scheme://host[:port][/path]`.
struct Url<'u> {
    tls: bool,
    host: &'u str,
    port: u16,
    path: &'u str,
}

impl<'u> Url<'u> {
    fn parse(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let usual = if tls { 443 } else { 80 };
        // The colons of an IPv6 address are in brackets.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, usual),
        };
        let plain = |c: char| c.is_ascii_graphic() && c != '@';
        (!host.is_empty() && authority.chars().all(plain) && path.chars().all(plain)).then_some(
            Self {
                tls,
                host,
                port,
                path,
            },
        )
    }

    fn request(&self) -> String {
        let Self {
            host, port, path, ..
        } = self;
        let path = path.trim_end_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        format!(
            "GET /{path}{slash}{STREAM} HTTP/1.1\r\nHost: {host}:{port}\r\n\
             Accept: text/event-stream\r\nUser-Agent: discordctl\r\n\r\n"
        )
    }
}

/// How far the answer came.
#[derive(Debug, Default)]
struct Seen {
    answer: String,
}

impl Seen {
    fn status(&self) -> Option<u16> {
        let rest = self.answer.strip_prefix("HTTP/1.")?;
        rest.split(' ').nth(1)?.parse().ok()
    }

    fn is_stream(&self) -> bool {
        let head = self.answer.to_ascii_lowercase();
        head.contains("content-type: text/event-stream")
    }
}

pub(super) async fn look(url: &str, deadline: Deadline) -> Finding {
    let bad = |level, detail: String| Finding::bad(CHECK, url, level, detail);
    let Some(parsed) = Url::parse(url) else {
        return bad(Verdict::Unknown, "it is no http:// or https:// URL".into())
            .fix("give the URL under which clients find the web client");
    };
    let start = Instant::now();
    let mut seen = Seen::default();
    let asked = deadline.bound(ask(&parsed, &mut seen)).await;
    match (seen.status(), asked) {
        (Some(200), Ok(Ok(()))) if seen.is_stream() => {
            Finding::ok(CHECK, url, "a stream comes through as it is written").took(start.elapsed())
        }
        (Some(200), _) if seen.is_stream() => bad(
            Verdict::Critical,
            "it answers, and holds back what the stream carries: messages come late or never"
                .into(),
        )
        .fix(
            "turn off buffering for /api/: 'proxy_buffering off' in nginx, no compression, \
             no caching; config/nginx.conf shows it",
        ),
        // Nothing at all is what a proxy does that waits for the whole of an endless answer.
        (None, Err(late)) => bad(
            Verdict::Critical,
            format!("{late}: it buffers the whole answer, or leads nowhere"),
        )
        .fix(
            "see that an instance answers behind it (discordctl health), then turn off \
             buffering: 'proxy_buffering off' in nginx; config/nginx.conf shows it",
        ),
        // Misdirected (RFC 9110, section 15.5.20).
        (Some(421), _) => bad(
            Verdict::Critical,
            "what is behind it does not answer under this name".into(),
        )
        .fix(format!("set 'http.public_url' of the instances to {url}")),
        (Some(status), _) => bad(
            Verdict::Critical,
            format!("it answers {status}, and no stream"),
        )
        .fix("see that it passes /api/ on to the instances"),
        (None, Ok(Err(error))) => bad(Verdict::Critical, error)
            .fix("see that the name leads to the proxy and the proxy runs"),
        (None, Ok(Ok(()))) => bad(Verdict::Critical, "what answers there is no HTTP".into())
            .fix("see that the name leads to the proxy"),
    }
}

/// Until the first of the stream is there; the error is for people.
async fn ask(url: &Url<'_>, seen: &mut Seen) -> Result<(), String> {
    let host = url.host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, url.port))
        .await
        .map_err(|error| error.to_string())?;
    if !url.tls {
        return exchange(stream, url, seen).await;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let stream = connector()?
        .connect(name, stream)
        .await
        .map_err(|error| error.to_string())?;
    exchange(stream, url, seen).await
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    url: &Url<'_>,
    seen: &mut Seen,
) -> Result<(), String> {
    /// A head that is longer is not one of ours.
    const MOST: usize = 64 << 10;
    let failed = |error: std::io::Error| error.to_string();
    stream
        .write_all(url.request().as_bytes())
        .await
        .map_err(failed)?;
    let mut part = [0u8; 4096];
    while !seen.answer.contains(FIRST) && seen.answer.len() < MOST {
        match stream.read(&mut part).await.map_err(failed)? {
            0 => return Ok(()),
            n => seen.answer += &String::from_utf8_lossy(&part[..n]),
        }
    }
    Ok(())
}

/// Trusts whom this machine trusts.
fn connector() -> Result<TlsConnector, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, expected) in [
            ("http://chat.example", Some((false, "chat.example", 80, ""))),
            (
                "https://chat.example/talk/",
                Some((true, "chat.example", 443, "talk/")),
            ),
            ("http://[::1]:3001/?x=1", Some((false, "[::1]", 3001, ""))),
            ("http://[::1]", Some((false, "[::1]", 80, ""))),
            ("ftp://chat.example", None),
            ("chat.example", None),
            ("http://", None),
            ("http://a\r\nHost: b/", None),
            ("http://a:port/", None),
        ] {
            let parsed = Url::parse(url).map(|u| (u.tls, u.host, u.port, u.path));
            assert_eq!(parsed, expected, "{url}");
        }
    }

    #[test]
    fn the_stream_is_asked_for_below_the_url() {
        let line = |url| {
            let request = Url::parse(url).expect("a URL").request();
            request.lines().next().map(str::to_owned)
        };
        let stream = "api/messages/general?history=0 HTTP/1.1";
        assert_eq!(line("http://h"), Some(format!("GET /{stream}")));
        assert_eq!(line("http://h/a/b/"), Some(format!("GET /a/b/{stream}")));
    }
}
