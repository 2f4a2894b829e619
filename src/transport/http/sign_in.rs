//! Signing in at an identity provider with a browser: there and back (OpenID Connect), and how clients may
//! log in at all.
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use super::answer::{Response, bare, whole};
use super::api::{Answer, ok};
use super::problem::Problem;
use super::{identity, text};
use crate::chat::{Actor, BeginSignIn, Callback, Chat, FinishSignIn};
use crate::model::{Host, Peer};

/// What a browser brings back from the provider; it is of no use anywhere else.
const COOKIE: &str = "discordctl-sign-in";
/// A person has so long at the provider, in seconds.
const PATIENCE: u64 = 600;
const CALLBACK: &str = "/auth/callback";

/// A request of a browser that signs in.
pub(super) struct Browser<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) peer: Peer,
    /// Where people find this server.
    pub(super) public_url: Option<&'a str>,
}

/// How clients log in here.
pub(super) fn ways(chat: &Chat) -> Answer {
    let access = chat.access();
    ok(&json!({
        "mode": access.mode.as_str(), "registration": access.registration.as_str(),
        "sign_in": chat.signs_in().then_some("/auth/login"),
    }))
}

/// Sends the browser to the provider.
pub(super) async fn begin(chat: &Chat, stranger: &Actor, browser: Browser<'_>) -> Answer {
    let begun = match browser.redirect() {
        Ok(redirect) => chat.act(stranger, BeginSignIn { redirect }).await,
        Err(problem) => return Ok(browser.told(problem)),
    };
    match begun {
        Ok(begun) => {
            let mut response = seen_at(&begun.url);
            browser.keep(&mut response, &begun.secret, PATIENCE);
            Ok(response)
        }
        Err(error) => Ok(browser.told(error.into())),
    }
}

/// Takes the browser back, as the person that the provider knows.
pub(super) async fn finish(
    chat: &Chat,
    stranger: &Actor,
    browser: Browser<'_>,
    callback: Callback,
) -> Answer {
    let redirect = match browser.redirect() {
        Ok(redirect) => redirect,
        Err(problem) => return Ok(browser.told(problem)),
    };
    let secret = identity::cookie(browser.headers, COOKIE);
    let finish = FinishSignIn {
        secret: secret.unwrap_or_default().to_owned(),
        redirect,
        callback,
    };
    let mut response = match chat.act(stranger, finish).await {
        Ok(session) => {
            let mut response = seen_at("/#signed-in");
            identity::keep(&mut response, &session, browser.peer);
            response
        }
        Err(error) => browser.told(error.into()),
    };
    // It was good for one try.
    browser.keep(&mut response, "", 0);
    Ok(response)
}

impl Browser<'_> {
    /// Where the provider is to send the browser back to.
    fn redirect(&self) -> Result<String, Problem> {
        if let Some(url) = self.public_url {
            return Ok(format!("{}{CALLBACK}", url.trim_end_matches('/')));
        }
        let host = text(self.headers, header::HOST)?.unwrap_or_default();
        let scheme = if self.peer.is_encrypted() {
            "https"
        } else {
            "http"
        };
        let url = format!("{scheme}://{host}");
        if Host::of_url(&url).is_some_and(|host| host.is_loopback()) {
            return Ok(format!("{url}{CALLBACK}"));
        }
        let detail = "cannot say where the identity provider is to send you back to: an operator has \
                      to set 'http.public_url'";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Err(Problem::new(status, "login_unavailable", detail))
    }

    /// A problem as a page for people, or as it is for programs.
    fn told(&self, problem: Problem) -> Response {
        let accept = text(self.headers, header::ACCEPT).ok().flatten();
        if accept.is_some_and(|accept| accept.contains("text/html")) {
            problem.page()
        } else {
            problem.response()
        }
    }

    fn keep(&self, response: &mut Response, value: &str, seconds: u64) {
        let secure = if self.peer.is_encrypted() {
            "; Secure"
        } else {
            ""
        };
        // Lax: it is another site that sends the browser back.
        let cookie = format!(
            "{COOKIE}={value}; Path=/auth; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}

/// Has the browser go there by GET.
fn seen_at(url: &str) -> Response {
    let mut response = bare(StatusCode::SEE_OTHER);
    if let Ok(url) = HeaderValue::from_str(url) {
        response.headers_mut().insert(header::LOCATION, url);
    }
    response
}

/// A page of one sentence, with a way back.
pub(super) fn page(title: &str, sentence: &str, code: &str) -> Response {
    let [title, sentence, code] = [title, sentence, code].map(escaped);
    whole(
        "text/html; charset=utf-8",
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <link rel=\"stylesheet\" href=\"/web/style.css\"></head><body><main id=\"welcome\">\
             <div class=\"card\"><h1>{title}</h1><p>{sentence}</p><p class=\"fine\">{code}</p>\
             <p><a href=\"/\">Back to the chat</a></p></div></main></body></html>"
        ),
    )
}

fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
