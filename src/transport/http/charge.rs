//! What a request costs its address, taken before anything is done for it.
use std::convert::Infallible;
use std::sync::Arc;

use warp::http::Method;
use warp::path::FullPath;
use warp::{Filter, Rejection};

use super::connection::Peer;
use super::{ROUTES, fits, with};
use crate::chat::{Actor, Chat, ChatError, cost};
use crate::model::TransportKind;

/// Its address has asked for too much.
#[derive(Debug)]
pub(super) struct Limited(pub(super) ChatError);

impl warp::reject::Reject for Limited {}

/// A client that has not shown who it is, with the address that pays.
pub(super) fn stranger(
    chat: &Arc<Chat>,
) -> impl Filter<Extract = (Actor,), Error = Infallible> + Clone + use<> {
    warp::ext::optional()
        .and(with(chat))
        .map(|peer: Option<Peer>, chat: Arc<Chat>| {
            let origin = chat.origin(peer.map(|peer| peer.0));
            Actor::anonymous(TransportKind::Http, origin)
        })
}

/// Lets a request through that its address may make.
pub(super) fn charged(
    chat: &Arc<Chat>,
) -> impl Filter<Extract = (), Error = Rejection> + Clone + use<> {
    warp::method()
        .and(warp::path::full())
        .and(stranger(chat))
        .and(with(chat))
        .and_then(
            |method: Method, path: FullPath, stranger: Actor, chat: Arc<Chat>| async move {
                let costs = costs(&method, path.as_str());
                let charged = chat.charge(&stranger, costs);
                charged.map_err(|error| warp::reject::custom(Limited(error)))
            },
        )
        .untuple_one()
}

/// A request of another method costs what its path costs.
fn costs(method: &Method, path: &str) -> u32 {
    let of_path = ROUTES.iter().filter(|(route, _)| fits(route, path));
    let named: Vec<_> = of_path
        .map(|(route, allowed)| (*allowed, format!("{allowed} {route}")))
        .collect();
    let exact = named
        .iter()
        .find(|(allowed, _)| *allowed == method.as_str())
        .or(named.first());
    exact.map_or(1, |(_, name)| cost(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::COSTS;

    #[test]
    fn every_route_has_its_cost() {
        for (route, method) in ROUTES {
            let name = format!("{method} {route}");
            assert!(COSTS.iter().any(|(of, _)| *of == name), "{name}");
        }
        assert_eq!(costs(&Method::GET, "/api/rooms"), 5);
        assert_eq!(costs(&Method::HEAD, "/api/rooms"), 5);
        assert_eq!(costs(&Method::GET, "/livez"), 0);
        assert_eq!(costs(&Method::GET, "/nowhere"), 1);
    }
}
