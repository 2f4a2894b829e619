//! A stream through the public URL: whether what stands there lets it through as it comes.
use std::io;
use std::sync::Arc;

use http::Uri;
use http::header::HOST;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::super::deadline::Deadline;
use super::super::finding::{Finding, Verdict};
use crate::client::{self, ClientError, Event, Events};

const CHECK: &str = "proxy";
const STREAM: &str = "api/messages/general?history=0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// `scheme://host[:port][/path]`.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    scheme: Scheme,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let (scheme, usual) = match uri.scheme_str()? {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            _ => return None,
        };
        let authority = uri.authority()?;
        // A name and a password are for no proxy of ours.
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => usual,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        Some(Self {
            scheme,
            host: authority.host().to_owned(),
            port,
            path: format!("{}/{STREAM}", uri.path().trim_end_matches('/')),
        })
    }
}

pub(super) async fn look(url: &str, deadline: Deadline) -> Finding {
    let bad = |level, detail: String| Finding::bad(CHECK, url, level, detail);
    let Some(parsed) = Url::parse(url) else {
        return bad(Verdict::Unknown, "it is no http:// or https:// URL".into())
            .fix("give the URL under which clients find the web client");
    };
    let start = Instant::now();
    match deadline.bound(ask(&parsed, deadline)).await {
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

async fn ask(url: &Url, deadline: Deadline) -> Result<Answered, ClientError> {
    let host = url.host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, url.port)).await?;
    let request = Events::request(&url.path)
        .header(HOST, format!("{}:{}", url.host, url.port))
        .header("user-agent", "discordctl");
    let response = match url.scheme {
        Scheme::Http => client::open(stream, request, String::new()).await?,
        Scheme::Https => {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let stream = connector().map_err(io::Error::other)?.connect(name, stream);
            client::open(stream.await?, request, String::new()).await?
        }
    };
    let status = response.status().as_u16();
    let stream = Events::of(response, deadline.within);
    Ok(stream.map_or(Answered::Status(status), Answered::Stream))
}

/// Trusts whom this machine trusts.
fn connector() -> Result<TlsConnector, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_the_stream_is_asked_for_below_it() {
        let (http, https) = (Scheme::Http, Scheme::Https);
        for (url, expected) in [
            ("http://chat.example", Some((http, "chat.example", 80, ""))),
            (
                "https://chat.example/talk/",
                Some((https, "chat.example", 443, "/talk")),
            ),
            ("http://h/a/b/", Some((http, "h", 80, "/a/b"))),
            ("http://[::1]:3001/?x=1", Some((http, "[::1]", 3001, ""))),
            ("http://[::1]", Some((http, "[::1]", 80, ""))),
            ("ftp://chat.example", None),
            ("chat.example", None),
            ("http://", None),
            ("http://a\r\nHost: b/", None),
            ("http://me:secret@a/", None),
            ("http://a:port/", None),
        ] {
            let expected = expected.map(|(scheme, host, port, path)| Url {
                scheme,
                host: host.to_owned(),
                port,
                path: format!("{path}/api/messages/general?history=0"),
            });
            assert_eq!(Url::parse(url), expected, "{url}");
        }
    }
}
