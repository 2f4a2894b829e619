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
    LoginWays,
    SignIn,
    SignedIn,
    Command,
    Message,
    Disconnect,
    Messages,
    Socket,
    Probe(Probe),
    Asks(Asks),
}

/// What monitors of the server ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Health,
    Live,
    Ready,
    Metrics,
}

named! {
    /// A request that a WebSocket frame of that name asks for, too.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Asks {
        Password => "password",
        Me => "me",
        Read => "read",
        Seen => "seen",
        Typing => "typing",
        Sessions => "sessions",
        EndSession => "end_session",
        CreateToken => "create_token",
        Tokens => "tokens",
        RevokeToken => "revoke_token",
        History => "history",
        Rooms => "rooms",
        Users => "users",
        CreateRoom => "create_room",
        Room => "room",
        ChangeRoom => "change_room",
        DeleteRoom => "delete_room",
        Members => "members",
        SetMember => "set_member",
        RemoveMember => "remove_member",
        Ban => "ban",
        Unban => "unban",
        Mute => "mute",
        Unmute => "unmute",
        Invite => "invite",
        Audit => "audit",
        Direct => "direct",
        GetMessage => "get_message",
        Edit => "edit",
        Delete => "delete",
        React => "react",
        Unreact => "unreact",
        Pin => "pin",
        Unpin => "unpin",
        Pins => "pins",
        Mentions => "mentions",
        Search => "search",
        MuteRoom => "mute_room",
        UnmuteRoom => "unmute_room",
        Threads => "threads",
        Thread => "thread",
        FollowThread => "follow_thread",
        UnfollowThread => "unfollow_thread",
        MuteThread => "mute_thread",
        UnmuteThread => "unmute_thread",
    }
}

impl Asks {
    /// The name of the frame.
    pub fn frame(self) -> &'static str {
        self.as_str()
    }

    fn at(self) -> (Method, &'static str) {
        const MEMBER: &str = "/api/rooms/{room}/members/{nickname}";
        const BAN: &str = "/api/rooms/{room}/bans/{nickname}";
        const MUTE: &str = "/api/rooms/{room}/mutes/{nickname}";
        const ROOM_MUTE: &str = "/api/rooms/{room}/mute";
        const MESSAGE: &str = "/api/messages/{room}/{seq}";
        const REACTION: &str = "/api/messages/{room}/{seq}/reactions/{emoji}";
        const PIN: &str = "/api/messages/{room}/{seq}/pin";
        const THREAD: &str = "/api/threads/{room}/{seq}";
        const FOLLOW: &str = "/api/threads/{room}/{seq}/follow";
        const THREAD_MUTE: &str = "/api/threads/{room}/{seq}/mute";
        match self {
            Self::Password => (Method::POST, "/api/password"),
            Self::Me => (Method::GET, "/api/me"),
            Self::Read => (Method::POST, "/api/read"),
            Self::Seen => (Method::GET, "/api/seen/{room}/{seq}"),
            Self::Typing => (Method::POST, "/api/typing"),
            Self::Sessions => (Method::GET, "/api/sessions"),
            Self::EndSession => (Method::DELETE, "/api/sessions/{id}"),
            Self::CreateToken => (Method::POST, "/api/tokens"),
            Self::Tokens => (Method::GET, "/api/tokens"),
            Self::RevokeToken => (Method::DELETE, "/api/tokens/{id}"),
            Self::History => (Method::GET, "/api/history/{room}"),
            Self::Rooms => (Method::GET, "/api/rooms"),
            Self::Users => (Method::GET, "/api/users"),
            Self::CreateRoom => (Method::POST, "/api/rooms"),
            Self::Room => (Method::GET, "/api/rooms/{room}"),
            Self::ChangeRoom => (Method::PATCH, "/api/rooms/{room}"),
            Self::DeleteRoom => (Method::DELETE, "/api/rooms/{room}"),
            Self::Members => (Method::GET, "/api/rooms/{room}/members"),
            Self::SetMember => (Method::PUT, MEMBER),
            Self::RemoveMember => (Method::DELETE, MEMBER),
            Self::Ban => (Method::PUT, BAN),
            Self::Unban => (Method::DELETE, BAN),
            Self::Mute => (Method::PUT, MUTE),
            Self::Unmute => (Method::DELETE, MUTE),
            Self::Invite => (Method::POST, "/api/invites"),
            Self::Audit => (Method::GET, "/api/audit"),
            Self::Direct => (Method::POST, "/api/direct"),
            Self::GetMessage => (Method::GET, MESSAGE),
            Self::Edit => (Method::PATCH, MESSAGE),
            Self::Delete => (Method::DELETE, MESSAGE),
            Self::React => (Method::PUT, REACTION),
            Self::Unreact => (Method::DELETE, REACTION),
            Self::Pin => (Method::PUT, PIN),
            Self::Unpin => (Method::DELETE, PIN),
            Self::Pins => (Method::GET, "/api/pins/{room}"),
            Self::Mentions => (Method::GET, "/api/mentions"),
            Self::Search => (Method::GET, "/api/search"),
            Self::MuteRoom => (Method::PUT, ROOM_MUTE),
            Self::UnmuteRoom => (Method::DELETE, ROOM_MUTE),
            Self::Threads => (Method::GET, "/api/threads/{room}"),
            Self::Thread => (Method::GET, THREAD),
            Self::FollowThread => (Method::PUT, FOLLOW),
            Self::UnfollowThread => (Method::DELETE, FOLLOW),
            Self::MuteThread => (Method::PUT, THREAD_MUTE),
            Self::UnmuteThread => (Method::DELETE, THREAD_MUTE),
        }
    }
}

/// Where a request has what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sends {
    Query,
    Body,
}

impl Route {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        const OTHERS: [Route; 19] = [
            Route::Index,
            Route::File,
            Route::Icon,
            Route::Described,
            Route::Connect,
            Route::Register,
            Route::Login,
            Route::LoginWays,
            Route::SignIn,
            Route::SignedIn,
            Route::Command,
            Route::Message,
            Route::Disconnect,
            Route::Messages,
            Route::Socket,
            Route::Probe(Probe::Health),
            Route::Probe(Probe::Live),
            Route::Probe(Probe::Ready),
            Route::Probe(Probe::Metrics),
        ];
        let asked = Asks::ALL.iter().copied().map(Self::Asks);
        OTHERS.into_iter().chain(asked)
    }

    /// Its path, in which a name in braces stands for one part.
    pub fn path(self) -> &'static str {
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
            Self::Command => "/api/command",
            Self::Message => "/api/message",
            Self::Disconnect => "/api/disconnect",
            Self::Messages => "/api/messages/{room}",
            Self::Socket => "/api/ws",
            Self::Probe(Probe::Health) => "/health",
            Self::Probe(Probe::Live) => "/livez",
            Self::Probe(Probe::Ready) => "/readyz",
            Self::Probe(Probe::Metrics) => "/metrics",
            Self::Asks(request) => request.at().1,
        }
    }

    /// The names in its path, in their order.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let parts = self.path().split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    pub fn method(self) -> Method {
        match self {
            Self::Connect
            | Self::Register
            | Self::Login
            | Self::Command
            | Self::Message
            | Self::Disconnect => Method::POST,
            Self::Asks(request) => request.at().0,
            _ => Method::GET,
        }
    }

    pub(super) fn sends(self) -> Sends {
        if matches!(self.method(), Method::GET | Method::DELETE) {
            Sends::Query
        } else {
            Sends::Body
        }
    }

    /// Of a request by another method, too.
    pub const fn cost(self) -> Cost {
        match self {
            Self::Message | Self::Probe(_) => Cost::FREE,
            Self::SignedIn => Cost::LIST,
            Self::Asks(
                Asks::Rooms
                | Asks::Users
                | Asks::Sessions
                | Asks::EndSession
                | Asks::CreateToken
                | Asks::Tokens
                | Asks::RevokeToken
                | Asks::Members
                | Asks::Seen
                | Asks::Pins
                | Asks::Mentions
                | Asks::Search
                | Asks::Threads
                | Asks::Audit,
            ) => Cost::LIST,
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
        Self::all().filter_map(move |route| Some((route, Parts::of(route, path)?)))
    }
}

/// What stands in a path for the names in braces, in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Parts<'a>(pub(super) [&'a str; Parts::MOST]);

impl<'a> Parts<'a> {
    /// No route has more names.
    const MOST: usize = 3;

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
        for route in Route::all() {
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
        let methods = |path| {
            on(path)
                .iter()
                .map(|(route, _)| route.method())
                .collect::<Vec<_>>()
        };
        assert_eq!(methods("/api/rooms/"), [Method::GET, Method::POST]);
        assert_eq!(
            Route::methods("/api/rooms/x"),
            "GET, HEAD, PATCH, DELETE, OPTIONS"
        );
        let ban = Route::Asks(Asks::Ban);
        assert_eq!(ban.names().collect::<Vec<_>>(), ["room", "nickname"]);
        assert_eq!(
            on("/api/history/b%20c"),
            [(Route::Asks(Asks::History), Parts(["b%20c", "", ""]))]
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
