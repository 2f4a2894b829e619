//! HTTP: what each route is answered, and what all answers have in common.
mod answer;
mod api;
mod body;
mod connection;
mod cors;
mod framing;
mod head;
mod hosts;
mod problem;
mod route;
mod sse;
mod takeover;
mod upgrade;
mod web;
mod ws;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::Drain;
use crate::chat::{Actor, Chat, Cost};
use crate::model::TransportKind;
use answer::bare;
use api::Answer;
use body::Sent;
use problem::Problem;

pub use answer::{Response, json, whole};
pub use connection::{HttpLimits, serve};
pub use cors::Origins;
pub use hosts::{Hosts, Reach};
pub use route::{Probe, Route};

/// This API in OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// Everything that is offered over HTTP.
pub struct Site {
    pub chat: Arc<Chat>,
    pub drain: Drain,
    pub limits: HttpLimits,
    pub probes: Arc<dyn Probes>,
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
    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Option<SocketAddr>,
        offer: Offer,
    ) -> Response {
        let mut response = match (self.limits.hosts.refuse(&request), offer) {
            (Some(problem), _) => problem.response(),
            (None, Offer::Everything) => self.opened(request, peer).await,
            (None, Offer::Probes) => {
                let mut response = answered(self.probed(&request).await);
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
                response
            }
        };
        harden(response.headers_mut());
        response
    }

    /// The answer to monitors, and to other clients that there is no place.
    async fn probed(&self, request: &Request<Incoming>) -> Answer {
        match Route::at(request.uri().path()) {
            Some((Route::Probe(probe), _)) if request.method() == Method::GET => {
                self.probe(probe, request.headers()).await
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
    async fn opened(&self, request: Request<Incoming>, peer: Option<SocketAddr>) -> Response {
        let (head, content) = request.into_parts();
        let origins = &self.limits.origins;
        if head.method == Method::OPTIONS
            && let Some(preflight) = origins.preflight(&head.headers)
        {
            return preflight;
        }
        let mut response = answered(self.routed(&head, content, peer).await);
        origins.open(&head.headers, &mut response);
        response
    }

    /// The answer of the route that `head` names, when its address has paid for it.
    async fn routed(
        &self,
        head: &http::request::Parts,
        content: Incoming,
        peer: Option<SocketAddr>,
    ) -> Answer {
        let (method, path) = (&head.method, head.uri.path());
        let (headers, limits, chat) = (&head.headers, &self.limits, &self.chat);
        let stranger = Actor::anonymous(TransportKind::Http, chat.origin(peer));
        let found = Route::at(path);
        let cost = found.map_or(Cost::READ, |(route, _)| route.cost());
        chat.charge(&stranger, cost)?;
        let (route, part) = match found {
            Some(found) => found,
            None if (path, method) == ("*", &Method::OPTIONS) => {
                return Ok(options("GET, HEAD, OPTIONS, POST"));
            }
            None => return Err(not_found()),
        };
        if *method == Method::OPTIONS {
            return Ok(options(route.methods()));
        }
        if *method != route.method() {
            let detail = format!("this path takes {}", route.method());
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let problem = Problem::new(status, "method_not_allowed", detail);
            return Err(problem.allowing(route.methods()));
        }
        let sent = Sent {
            headers,
            content,
            most: limits.body_bytes,
        };
        match route {
            Route::Index => file("index.html", headers),
            Route::Icon => file("favicon.svg", headers),
            Route::File => file(part, headers),
            Route::Described => {
                let described = OPENAPI.replace("{{version}}", env!("CARGO_PKG_VERSION"));
                Ok(whole("application/json", described))
            }
            Route::Connect => api::connect(chat, &stranger, sent.json().await?).await,
            Route::Command => api::command(chat, stranger, sent.json().await?).await,
            Route::Message => api::post(chat, stranger, sent.json().await?).await,
            Route::Disconnect => api::disconnect(chat, stranger, sent.json().await?).await,
            Route::History => api::history(chat, room(part)?, query(&head.uri)?).await,
            Route::Rooms => api::rooms(chat, query(&head.uri)?).await,
            Route::Users => api::users(chat, query(&head.uri)?).await,
            Route::Messages => {
                let asked = sse::Asked {
                    query: query(&head.uri)?,
                    last_event_id: text(headers, HeaderName::from_static("last-event-id"))?,
                    peer,
                    patience: limits.write_timeout,
                };
                sse::open(chat, room(part)?, asked, self.drain.clone()).await
            }
            Route::Socket => {
                let mut response = upgrade::answer(headers, &limits.origins);
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    let (chat, drain) = (chat.clone(), self.drain.clone());
                    let most = limits.body_bytes;
                    takeover::after(&mut response, move |taken| {
                        ws::serve(chat, taken, peer, most, drain)
                    });
                }
                Ok(response)
            }
            Route::Probe(probe) => self.probe(probe, headers).await,
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

/// A room's name as a path has it: percent-encoded where it must be (RFC 3986, section 2.1).
fn room(encoded: &str) -> Result<String, Problem> {
    let name = percent_encoding::percent_decode_str(encoded).decode_utf8();
    Ok(name.map_err(|_| not_found())?.into_owned())
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    serde_urlencoded::from_str(uri.query().unwrap_or_default()).map_err(|_| {
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

fn options(methods: &'static str) -> Response {
    let mut response = bare(StatusCode::NO_CONTENT);
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(header::ALLOW, methods);
    response
}

/// What every answer has.
fn harden(headers: &mut HeaderMap) {
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    let no_referrer = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, no_referrer);
    // What is said here is true for now only, and may hold a session's secret.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}
