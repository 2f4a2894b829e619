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
    Register,
    Login,
    Password,
    Me,
    Sessions,
    EndSession,
    LoginWays,
    SignIn,
    SignedIn,
    Tokens,
    NewToken,
    RevokeToken,
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
    pub const ALL: [Self; 29] = [
        Self::Index,
        Self::File,
        Self::Icon,
        Self::Described,
        Self::Connect,
        Self::Register,
        Self::Login,
        Self::Password,
        Self::Me,
        Self::Sessions,
        Self::EndSession,
        Self::LoginWays,
        Self::SignIn,
        Self::SignedIn,
        Self::Tokens,
        Self::NewToken,
        Self::RevokeToken,
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
            Self::Register => "/api/register",
            Self::Login | Self::LoginWays => "/api/login",
            Self::SignIn => "/auth/login",
            Self::SignedIn => "/auth/callback",
            Self::Password => "/api/password",
            Self::Me => "/api/me",
            Self::Sessions => "/api/sessions",
            Self::EndSession => "/api/sessions/{id}",
            Self::Tokens | Self::NewToken => "/api/tokens",
            Self::RevokeToken => "/api/tokens/{id}",
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
            Self::Connect
            | Self::Register
            | Self::Login
            | Self::Password
            | Self::NewToken
            | Self::Command
            | Self::Message
            | Self::Disconnect => Method::POST,
            Self::EndSession | Self::RevokeToken => Method::DELETE,
            _ => Method::GET,
        }
    }

    /// Of a request by another method, too.
    pub const fn cost(self) -> Cost {
        match self {
            Self::Message | Self::Probe(_) => Cost::FREE,
            Self::Rooms
            | Self::Users
            | Self::Sessions
            | Self::EndSession
            | Self::Tokens
            | Self::NewToken
            | Self::RevokeToken
            | Self::SignedIn => Cost::LIST,
            _ => Cost::READ,
        }
    }

    /// The methods that are answered on a path, of which this is a route.
    pub(super) fn methods(path: &str) -> String {
        let mut methods = Vec::new();
        for (route, _) in Self::on(path) {
            methods.push(route.method());
            if route.method() == Method::GET {
                methods.push(Method::HEAD);
            }
        }
        methods.push(Method::OPTIONS);
        let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
        methods.join(", ")
    }

    /// The routes of `path`, one for each method, each with what stands there for the names in
    /// braces.
    pub(super) fn on(path: &str) -> impl Iterator<Item = (Self, Parts<'_>)> {
        let path = match path.strip_suffix('/') {
            Some(rest) if !rest.is_empty() && !rest.ends_with('/') => rest,
            _ => path,
        };
        let all = Self::ALL.into_iter();
        all.filter_map(move |route| Some((route, Parts::of(route, path)?)))
    }
}

/// What stands in a path for the names in braces, in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Parts<'a>(pub(super) [&'a str; Parts::MOST]);

impl<'a> Parts<'a> {
    /// No route has more names.
    const MOST: usize = 2;

    fn of(route: Route, path: &'a str) -> Option<Self> {
        let (mut parts, mut count) = (Self::default(), 0);
        let (mut theirs, mut ours) = (path.split('/'), route.path().split('/'));
        loop {
            match (theirs.next(), ours.next()) {
                (None, None) => return Some(parts),
                (Some(part), Some(name)) if name.starts_with('{') && !part.is_empty() => {
                    parts.0[count] = part;
                    count += 1;
                }
                (Some(part), Some(name)) if part == name => {}
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_routes() {
        for route in Route::ALL {
            let path = route.path().replace(['{', '}'], "");
            let methods: Vec<Method> = Route::on(&path).map(|(found, _)| found.method()).collect();
            let found = Route::on(&path).find(|(found, _)| found.method() == route.method());
            assert_eq!(
                found.map(|(found, _)| found),
                Some(route),
                "{path}: {methods:?}"
            );
        }
        let on = |path| Route::on(path).collect::<Vec<_>>();
        assert_eq!(on("/api/rooms/"), [(Route::Rooms, Parts::default())]);
        assert_eq!(
            on("/api/history/b%20c"),
            [(Route::History, Parts(["b%20c", ""]))]
        );
        assert_eq!(Route::methods("/api/sessions"), "GET, HEAD, OPTIONS");
        assert_eq!(Route::methods("/api/sessions/1"), "DELETE, OPTIONS");
        for nowhere in [
            "",
            "//",
            "/api",
            "/api/history/",
            "/api/history/a/b",
            "/livez2",
            "*",
        ] {
            assert_eq!(on(nowhere), [], "{nowhere}");
        }
    }
}
