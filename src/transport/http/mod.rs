//! HTTP: the routes, and what they have in common.
mod api;
mod body;
mod charge;
mod connection;
mod cors;
mod framing;
mod head;
mod hosts;
mod problem;
mod sse;
mod takeover;
mod upgrade;
mod web;
mod ws;

use std::sync::Arc;

use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::path::FullPath;
use warp::reply::{Reply as _, Response};
use warp::{Filter, Rejection};

use super::Drain;
use crate::chat::{Actor, Chat};
use api::Answer;
use charge::Limited;
use problem::Problem;

use connection::Peer;
pub use connection::{HttpLimits, serve};
pub use hosts::{Hosts, Reach};

/// Every route with its methods: what is answered with 405 elsewhere, and what the API's
/// description is held against.
pub const ROUTES: [(&str, &str); 17] = [
    ("/", "GET"),
    ("/web/{file}", "GET"),
    ("/api/connect", "POST"),
    ("/api/command", "POST"),
    ("/api/message", "POST"),
    ("/api/disconnect", "POST"),
    ("/api/messages/{room}", "GET"),
    ("/api/history/{room}", "GET"),
    ("/api/rooms", "GET"),
    ("/api/users", "GET"),
    ("/api/ws", "GET"),
    ("/api/openapi.json", "GET"),
    ("/health", "GET"),
    ("/livez", "GET"),
    ("/readyz", "GET"),
    ("/metrics", "GET"),
    ("/favicon.ico", "GET"),
];

/// This API in OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// Everything that `chat` offers over HTTP; `watching` are the routes of whoever watches the
/// server. Pages of `origins` may use it too.
pub fn routes(
    chat: Arc<Chat>,
    drain: Drain,
    limits: &HttpLimits,
    origins: &[String],
    watching: BoxedFilter<(Response,)>,
) -> BoxedFilter<(Response,)> {
    let routes = streams(&chat, &drain, limits, origins)
        .or(posts(&chat, limits.body_bytes))
        .unify()
        .or(lists(&chat))
        .unify()
        .or(files())
        .unify()
        .or(watching)
        .unify()
        .or(unrouted())
        .unify();
    let routes = charge::charged(&chat)
        .and(routes)
        .recover(rejected)
        .unify()
        .map(hardened)
        .boxed();
    match origins {
        [] => routes,
        origins => cors::opened(routes, origins),
    }
}

/// A room's name as a path has it: percent-encoded where it must be (RFC 3986, section 2.1).
struct Room(String);

impl std::str::FromStr for Room {
    type Err = std::str::Utf8Error;

    fn from_str(encoded: &str) -> Result<Self, Self::Err> {
        let name = percent_encoding::percent_decode_str(encoded).decode_utf8()?;
        Ok(Self(name.into_owned()))
    }
}

/// What is answered while there is no place for anybody else: the routes of those who watch the
/// server, and a word that it is full.
pub fn probes(watching: BoxedFilter<(Response,)>) -> BoxedFilter<(Response,)> {
    let full = warp::any().map(|| {
        let detail = "the server is full; try again later";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "full", detail)
            .retrying(5)
            .response()
    });
    let ended = |mut response: Response| {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        response
    };
    watching.or(full).unify().map(hardened).map(ended).boxed()
}

fn with<T: Clone + Send + Sync + 'static>(
    value: &T,
) -> impl Filter<Extract = (T,), Error = std::convert::Infallible> + Clone + use<T> {
    let value = value.clone();
    warp::any().map(move || value.clone())
}

fn answered(answer: Answer) -> Response {
    answer.unwrap_or_else(|problem| problem.response())
}

/// A POST of JSON: read, handed to `verb`, answered.
fn post<T, F, Fut>(
    chat: &Arc<Chat>,
    path: &'static str,
    most: usize,
    verb: F,
) -> BoxedFilter<(Response,)>
where
    T: serde::de::DeserializeOwned + Send + 'static,
    F: Fn(Arc<Chat>, Actor, T) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    warp::path("api")
        .and(warp::path(path))
        .and(warp::path::end())
        .and(warp::post())
        .and(with(chat))
        .and(charge::stranger(chat))
        .and(warp::header::optional("content-type"))
        .and(warp::body::stream())
        .then(move |chat, stranger, kind, content| {
            let verb = verb.clone();
            async move {
                match body::json(kind, content, most).await {
                    Ok(asked) => answered(verb(chat, stranger, asked).await),
                    Err(problem) => problem.response(),
                }
            }
        })
        .boxed()
}

fn posts(chat: &Arc<Chat>, most: usize) -> BoxedFilter<(Response,)> {
    post(chat, "message", most, api::post)
        .or(post(chat, "command", most, api::command))
        .unify()
        .or(post(chat, "connect", most, api::connect))
        .unify()
        .or(post(chat, "disconnect", most, api::disconnect))
        .unify()
        .boxed()
}

fn lists(chat: &Arc<Chat>) -> BoxedFilter<(Response,)> {
    let history = warp::path!("api" / "history" / Room)
        .and(warp::get())
        .and(warp::query())
        .and(with(chat))
        .then(
            |Room(room), page, chat| async move { answered(api::history(chat, room, page).await) },
        );
    let rooms = warp::path!("api" / "rooms")
        .and(warp::get())
        .and(warp::query())
        .and(with(chat))
        .then(|part, chat| async move { answered(api::rooms(chat, part).await) });
    let users = warp::path!("api" / "users")
        .and(warp::get())
        .and(warp::query())
        .and(with(chat))
        .then(|part, chat| async move { answered(api::users(chat, part).await) });
    history.or(rooms).unify().or(users).unify().boxed()
}

fn streams(
    chat: &Arc<Chat>,
    drain: &Drain,
    limits: &HttpLimits,
    origins: &[String],
) -> BoxedFilter<(Response,)> {
    let (most, patience) = (limits.body_bytes, limits.write_timeout);
    let events = warp::path!("api" / "messages" / Room)
        .and(warp::get())
        .and(warp::query())
        .and(warp::header::optional("last-event-id"))
        .and(warp::ext::optional())
        .and(with(chat))
        .and(with(drain))
        .then(
            move |Room(room), query, last_event_id, peer: Option<Peer>, chat, drain| async move {
                let asked = sse::Asked {
                    query,
                    last_event_id,
                    peer: peer.map(|peer| peer.0),
                    patience,
                };
                answered(sse::open(chat, room, asked, drain).await)
            },
        );
    let origins: Arc<[String]> = origins.into();
    let socket = warp::path!("api" / "ws")
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional())
        .and(with(chat))
        .and(with(drain))
        .map(
            move |headers: HeaderMap, peer: Option<Peer>, chat, drain: Drain| {
                let mut answer = upgrade::answer(&headers, &origins);
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    let peer = peer.map(|peer| peer.0);
                    takeover::after(&mut answer, move |taken| {
                        ws::serve(chat, taken, peer, most, drain)
                    });
                }
                answer
            },
        );
    events.or(socket).unify().boxed()
}

fn files() -> BoxedFilter<(Response,)> {
    let known = || warp::header::optional::<String>("if-none-match");
    let served = |path: &str, known: Option<String>| {
        web::file(path, known.as_deref()).unwrap_or_else(not_found)
    };
    let index = warp::path::end()
        .and(warp::get())
        .and(known())
        .map(move |known| served("index.html", known));
    let icon = warp::path!("favicon.ico")
        .and(warp::get())
        .and(known())
        .map(move |known| served("favicon.svg", known));
    let assets = warp::path!("web" / String)
        .and(warp::get())
        .and(known())
        .map(move |path: String, known| served(&path, known));
    let openapi = warp::path!("api" / "openapi.json")
        .and(warp::get())
        .map(|| {
            let described = OPENAPI.replace("{{version}}", env!("CARGO_PKG_VERSION"));
            warp::reply::with_header(described, "content-type", "application/json").into_response()
        });
    index
        .or(icon)
        .unify()
        .or(assets)
        .unify()
        .or(openapi)
        .unify()
        .boxed()
}

fn not_found() -> Response {
    let detail = "there is nothing here; the API is described at /api/openapi.json";
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail).response()
}

/// What no route took: a path of ours under another method, or no path of ours.
fn unrouted() -> BoxedFilter<(Response,)> {
    warp::path::full()
        .and(warp::method())
        .and_then(|path: FullPath, method: Method| async move {
            let Some(taken) = taken_at(path.as_str()) else {
                return Ok(not_found());
            };
            if method == Method::OPTIONS {
                return Ok(options(methods(taken)));
            }
            if method.as_str() == taken {
                // The route itself has said what is wrong.
                return Err(warp::reject::not_found());
            }
            let detail = format!("this path takes {taken}");
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Ok(Problem::new(status, "method_not_allowed", detail)
                .allowing(methods(taken))
                .response())
        })
        .boxed()
}

/// The method that is taken at `path`; of the server as a whole (`OPTIONS *`), any.
fn taken_at(path: &str) -> Option<&'static str> {
    if path == "*" {
        return Some("*");
    }
    let route = ROUTES.iter().find(|(route, _)| fits(route, path));
    route.map(|(_, taken)| *taken)
}

/// What is said to be allowed where `taken` is taken.
fn methods(taken: &str) -> &'static str {
    match taken {
        "GET" => "GET, HEAD, OPTIONS",
        "POST" => "POST, OPTIONS",
        _ => "GET, HEAD, OPTIONS, POST",
    }
}

fn options(methods: &'static str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(header::ALLOW, methods);
    response
}

/// Whether `path` is one of `route`'s, in which a part in braces stands for anything.
fn fits(route: &str, path: &str) -> bool {
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given => {}
            (Some(part), Some(given)) if part.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

/// What a route refused before it could answer, as a problem.
async fn rejected(rejection: Rejection) -> Result<Response, Rejection> {
    if rejection.is_not_found() {
        return Ok(not_found());
    }
    if let Some(Limited(error)) = rejection.find() {
        return Ok(Problem::from(error.clone()).response());
    }
    let bad = |code, detail: String| Problem::new(StatusCode::BAD_REQUEST, code, detail).response();
    if rejection.find::<warp::reject::InvalidQuery>().is_some() {
        return Ok(bad(
            "bad_parameter",
            "the query string can't be read".to_owned(),
        ));
    }
    if let Some(header) = rejection.find::<warp::reject::InvalidHeader>() {
        return Ok(bad(
            "bad_header",
            format!("the header '{}' can't be read", header.name()),
        ));
    }
    tracing::error!(?rejection, "a request fell through");
    let detail = "the server could not answer; its log says more";
    Ok(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).response())
}

/// Headers that every answer has.
fn hardened(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    // What is said here is true for now only, and may hold a session's secret.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
