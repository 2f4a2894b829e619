//! The routes: which method each takes, where, and what a request to it costs.
use http::Method;

use crate::chat::Cost;

/// Something that is answered over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Index,
    File,
    Icon,
    Described,
    Connect,
    Command,
    Message,
    Disconnect,
    Messages,
    History,
    Rooms,
    Users,
    Socket,
    Probe(Probe),
}

/// What monitors of the server ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Health,
    Live,
    Ready,
    Metrics,
}

impl Route {
    pub const ALL: [Self; 17] = [
        Self::Index,
        Self::File,
        Self::Icon,
        Self::Described,
        Self::Connect,
        Self::Command,
        Self::Message,
        Self::Disconnect,
        Self::Messages,
        Self::History,
        Self::Rooms,
        Self::Users,
        Self::Socket,
        Self::Probe(Probe::Health),
        Self::Probe(Probe::Live),
        Self::Probe(Probe::Ready),
        Self::Probe(Probe::Metrics),
    ];

    /// Its path, in which a name in braces stands for one part.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::File => "/web/{file}",
            Self::Icon => "/favicon.ico",
            Self::Described => "/api/openapi.json",
            Self::Connect => "/api/connect",
            Self::Command => "/api/command",
            Self::Message => "/api/message",
            Self::Disconnect => "/api/disconnect",
            Self::Messages => "/api/messages/{room}",
            Self::History => "/api/history/{room}",
            Self::Rooms => "/api/rooms",
            Self::Users => "/api/users",
            Self::Socket => "/api/ws",
            Self::Probe(Probe::Health) => "/health",
            Self::Probe(Probe::Live) => "/livez",
            Self::Probe(Probe::Ready) => "/readyz",
            Self::Probe(Probe::Metrics) => "/metrics",
        }
    }

    pub const fn method(self) -> Method {
        match self {
            Self::Connect | Self::Command | Self::Message | Self::Disconnect => Method::POST,
            _ => Method::GET,
        }
    }

    /// Of a request by another method, too.
    pub const fn cost(self) -> Cost {
        match self {
            Self::Message | Self::Probe(_) => Cost::FREE,
            Self::Rooms | Self::Users => Cost::LIST,
            _ => Cost::READ,
        }
    }

    /// The methods that are answered there.
    pub(super) fn methods(self) -> &'static str {
        match self.method() {
            Method::POST => "POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// The route of `path`, and what stands there for the name in braces.
    pub(super) fn at(path: &str) -> Option<(Self, &str)> {
        let path = match path.strip_suffix('/') {
            Some(rest) if !rest.is_empty() && !rest.ends_with('/') => rest,
            _ => path,
        };
        Self::ALL.into_iter().find_map(|route| {
            let part = match route.path().split_once('{') {
                None => (route.path() == path).then_some("")?,
                Some((before, _)) => path.strip_prefix(before)?,
            };
            let named = route.path().ends_with('}') != part.is_empty();
            (named && !part.contains('/')).then_some((route, part))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_route() {
        for route in Route::ALL {
            let path = route.path().replace("{room}", "a").replace("{file}", "a");
            let found = Route::at(&path).map(|(route, _)| route);
            assert_eq!(found, Some(route), "{path}");
        }
        assert_eq!(Route::at("/api/rooms/"), Some((Route::Rooms, "")));
        assert_eq!(
            Route::at("/api/history/b%20c"),
            Some((Route::History, "b%20c"))
        );
        for nowhere in [
            "",
            "//",
            "/api",
            "/api/history/",
            "/api/history/a/b",
            "/livez2",
            "*",
        ] {
            assert_eq!(Route::at(nowhere), None, "{nowhere}");
        }
    }
}
