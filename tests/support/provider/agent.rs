//! As much of a browser as signing in takes: it follows redirects and keeps cookies.
use std::collections::BTreeMap;

use discordctl::client::{self, Answer};
use discordctl::model::Host;
use http::Request;
use http::header::{COOKIE, HOST, LOCATION, SET_COOKIE};

use crate::support::DEADLINE;

/// More redirects than a sign-in has.
const MOST: usize = 12;

/// Cookies by host and port, as a careful browser keeps them.
#[derive(Debug, Default)]
pub(crate) struct Agent(BTreeMap<String, BTreeMap<String, String>>);

impl Agent {
    /// Goes there, and from there on until `stop` says of a URL that it is far enough: the URL.
    /// Or the answer that leads nowhere.
    pub(crate) async fn follow(
        &mut self,
        from: &str,
        stop: impl Fn(&str) -> bool,
    ) -> Result<String, Answer> {
        let mut url = from.to_owned();
        for _ in 0..MOST {
            if stop(&url) {
                return Ok(url);
            }
            let answer = self.get(&url).await;
            let Some(location) = answer.header(LOCATION.as_str()) else {
                return Err(answer);
            };
            url = match location.strip_prefix('/') {
                Some(path) => format!("http://{}/{path}", place(&url).0),
                None => location.to_owned(),
            };
        }
        panic!("{from} leads in a circle, to {url}");
    }

    pub(crate) async fn get(&mut self, url: &str) -> Answer {
        let (at, path) = place(url);
        assert!(
            Host::of_url(url).is_some_and(|host| host.is_loopback()),
            "{url}"
        );
        let cookies = self.0.entry(at.to_owned()).or_default();
        let sent: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = Request::get(path)
            .header(HOST, at)
            .header(COOKIE, sent.join("; "));
        let address: std::net::SocketAddr = at.parse().expect("an address");
        let answer = client::send(address, request, String::new(), DEADLINE).await;
        let answer = answer.expect("an answer");
        for set in answer.headers.get_all(SET_COOKIE) {
            let set = set.to_str().expect("text");
            let (cookie, rest) = set.split_once(';').unwrap_or((set, ""));
            let (name, value) = cookie.split_once('=').expect("name and value");
            if value.is_empty() || rest.to_ascii_lowercase().contains("max-age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// The cookies that it would send there.
    pub(crate) fn cookies(&self, url: &str) -> BTreeMap<String, String> {
        self.0.get(place(url).0).cloned().unwrap_or_default()
    }
}

/// Host and port, and the rest.
fn place(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").expect("a plain URL");
    let end = rest.find('/').unwrap_or(rest.len());
    (
        &rest[..end],
        if end == rest.len() { "/" } else { &rest[end..] },
    )
}
