//! HTTP: what each route is answered, and what all answers have in common.
mod answer;
mod api;
mod asked;
mod body;
mod connection;
mod cors;
mod forwarded;
mod framing;
mod head;
mod hosts;
mod identity;
mod problem;
mod route;
mod sign_in;
mod sse;
mod takeover;
mod upgrade;
mod web;
mod ws;

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::FullPath;

use super::Drain;
use crate::chat::{Actor, Chat, Cost};
use crate::model::{Peer, TransportKind};
use answer::bare;
use api::Answer;
use body::{Content, Sent, content};
use problem::Problem;

pub use answer::{Response, json, whole};
pub use connection::{HttpLimits, serve};
pub use cors::Origins;
pub use forwarded::Forwarders;
pub use hosts::Hosts;
use route::Parts;
pub use route::{Probe, Route};

/// This API in OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// Everything that is offered over HTTP.
pub struct Site {
    pub chat: Arc<Chat>,
    pub drain: Drain,
    pub limits: HttpLimits,
    pub probes: Arc<dyn Probes>,
    /// Another site is in the place of this one: connections that are not streams end after the
    /// request that is under way.
    pub outdated: CancellationToken,
}

/// The client of a request.
#[derive(Debug, Clone, Copy)]
struct Client {
    peer: Peer,
    offer: Offer,
}

/// A request without its body, taken apart.
struct Asked {
    method: Method,
    path: FullPath,
    query: Option<String>,
    headers: HeaderMap,
    client: Client,
}

/// The site as a filter, which takes every request apart and leaves none unanswered.
fn filter(site: Arc<Site>) -> BoxedFilter<(Response,)> {
    let none = warp::any().map(|| None);
    let query = warp::query::raw().map(Some).or(none).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream().map(content))
        .and(warp::ext::get::<Client>())
        .then(move |method, path, query, headers, content, client| {
            let site = site.clone();
            let asked = Asked {
                method,
                path,
                query,
                headers,
                client,
            };
            async move { site.answer(&asked, content).await }
        })
        .boxed()
}

/// What of it is offered on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    Everything,
    /// There is no place for another client: probes, and a word that the server is full.
    Probes,
}

/// Answers monitors of the server.
#[async_trait]
pub trait Probes: Send + Sync {
    /// `accept` is the type that is wanted, where there are several.
    async fn answer(&self, probe: Probe, accept: &str) -> Response;
}

impl Site {
    async fn answer(&self, asked: &Asked, content: Content) -> Response {
        let response = match asked.client.offer {
            Offer::Everything => self.opened(asked, content).await,
            Offer::Probes => {
                let mut response = answered(self.probed(asked).await);
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
                response
            }
        };
        hardened(response)
    }

    /// The answer to monitors, and to other clients that there is no place.
    async fn probed(&self, asked: &Asked) -> Answer {
        match Route::on(asked.path.as_str()).next() {
            Some((Route::Probe(probe), _)) if asked.method == Method::GET => {
                self.probe(probe, &asked.headers).await
            }
            _ => {
                let detail = "the server is full; try again later";
                let full = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "full", detail);
                Err(full.retrying(5))
            }
        }
    }

    async fn probe(&self, probe: Probe, headers: &HeaderMap) -> Answer {
        let accept = text(headers, header::ACCEPT)?.unwrap_or_default();
        Ok(self.probes.answer(probe, accept).await)
    }

    /// The answer, which pages of other sites can read where they may.
    async fn opened(&self, asked: &Asked, content: Content) -> Response {
        let origins = &self.limits.origins;
        if asked.method == Method::OPTIONS
            && let Some(preflight) = origins.preflight(&asked.headers)
        {
            return preflight;
        }
        let mut response = answered(self.routed(asked, content).await);
        origins.open(&asked.headers, &mut response);
        response
    }

    /// The answer of the route that is asked for, when its address has paid for it.
    async fn routed(&self, asked: &Asked, content: Content) -> Answer {
        let (method, path, chat) = (&asked.method, asked.path.as_str(), &self.chat);
        let origin = chat.origin(asked.client.peer);
        let stranger = Actor::anonymous(TransportKind::Http, origin);
        let mut routes = Route::on(path);
        let first = routes.next();
        let found = first
            .into_iter()
            .chain(routes)
            .find(|(route, _)| route.method() == *method);
        let cost = found
            .or(first)
            .map_or(Cost::READ, |(route, _)| route.cost());
        chat.charge(&stranger, cost)?;
        match found {
            Some((route, parts)) => self.served(route, parts, asked, content, stranger).await,
            None if (path, method) == ("*", &Method::OPTIONS) => {
                Ok(options("GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"))
            }
            None if first.is_none() => Err(not_found()),
            None if *method == Method::OPTIONS => Ok(options(&Route::methods(path))),
            None => Err(wrong_method(path)),
        }
    }

    async fn served(
        &self,
        route: Route,
        parts: Parts<'_>,
        asked: &Asked,
        content: Content,
        stranger: Actor,
    ) -> Answer {
        let (headers, limits, chat) = (&asked.headers, &self.limits, &self.chat);
        let peer = asked.client.peer;
        let browser = sign_in::Browser {
            headers,
            peer,
            public_url: limits.public_url.as_deref(),
        };
        let sent = Sent {
            headers,
            content,
            most: limits.body_bytes,
        };
        // Only where it matters: a proxy may have a token of its own for everything else.
        let who = identity::actor(chat, stranger.clone(), headers, &asked.method);
        let Parts([part, ..]) = parts;
        match route {
            Route::Index => file("index.html", headers),
            Route::Icon => file("favicon.svg", headers),
            Route::File => file(part, headers),
            Route::Described => {
                let described = OPENAPI.replace("{{version}}", env!("CARGO_PKG_VERSION"));
                Ok(whole("application/json", described))
            }
            Route::Connect => api::connect(chat, &stranger, sent.json().await?).await,
            Route::Register => api::register(chat, &stranger, sent.json().await?).await,
            Route::Login => api::login(chat, &stranger, sent.json().await?).await,
            Route::LoginWays => sign_in::ways(chat),
            Route::SignIn => sign_in::begin(chat, &stranger, browser).await,
            Route::SignedIn => sign_in::finish(chat, &stranger, browser, query(asked)?).await,
            Route::Command => api::command(chat, who.await?, sent.json().await?).await,
            Route::Message => api::post(chat, who.await?, sent.json().await?).await,
            Route::Disconnect => {
                let ended = api::disconnect(chat, who.await?, sent.json().await?).await;
                ended.map(|mut response| {
                    identity::forget(&mut response, headers, peer);
                    response
                })
            }
            Route::Messages => {
                let stream = sse::Asked {
                    query: query(asked)?,
                    last_event_id: text(headers, HeaderName::from_static("last-event-id"))?,
                    peer,
                    patience: limits.write_timeout,
                };
                let room = decoded(part)?;
                sse::open(chat, who.await?, room, stream, self.drain.clone()).await
            }
            Route::Socket => {
                let mut response = upgrade::answer(headers, &limits.origins);
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    let (chat, drain) = (chat.clone(), self.drain.clone());
                    let most = limits.body_bytes;
                    let kept = identity::kept(headers);
                    takeover::after(&mut response, move |taken| {
                        ws::serve(chat, taken, peer, most, kept, drain)
                    });
                }
                Ok(response)
            }
            Route::Probe(probe) => self.probe(probe, headers).await,
            Route::Asks(request) => {
                let query = asked.query.as_deref();
                let fields = asked::fields(route, parts, query, sent).await?;
                asked::answer(chat, who.await?, (route, request.frame()), fields).await
            }
        }
    }
}

fn answered(answer: Answer) -> Response {
    answer.unwrap_or_else(|problem| problem.response())
}

fn file(path: &str, headers: &HeaderMap) -> Answer {
    let known = text(headers, header::IF_NONE_MATCH)?;
    web::file(path, known).ok_or_else(not_found)
}

/// A name as a path has it: percent-encoded where it must be (RFC 3986, section 2.1).
fn decoded(encoded: &str) -> Result<String, Problem> {
    let name = percent_encoding::percent_decode_str(encoded).decode_utf8();
    Ok(name.map_err(|_| not_found())?.into_owned())
}

fn query<T: DeserializeOwned>(asked: &Asked) -> Result<T, Problem> {
    serde_urlencoded::from_str(asked.query.as_deref().unwrap_or_default()).map_err(|_| {
        let detail = "the query string cannot be read";
        Problem::new(StatusCode::BAD_REQUEST, "bad_parameter", detail)
    })
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Problem> {
    let value = headers.get(&name).map(HeaderValue::to_str).transpose();
    value.map_err(|_| {
        let detail = format!("the header '{name}' cannot be read");
        Problem::new(StatusCode::BAD_REQUEST, "bad_header", detail)
    })
}

fn not_found() -> Problem {
    let detail = "there is nothing here; the API is described at /api/openapi.json";
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

fn options(methods: &str) -> Response {
    let mut response = bare(StatusCode::NO_CONTENT);
    if let Ok(methods) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(header::ALLOW, methods);
    }
    response
}

fn wrong_method(path: &str) -> Problem {
    let methods = Route::methods(path);
    let detail = format!("this path takes {methods}");
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Problem::new(status, "method_not_allowed", detail).allowing(methods)
}

/// An answer with what every answer has.
fn hardened(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    let no_referrer = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, no_referrer);
    // What is said here is true for now only, and may hold a session's secret.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
