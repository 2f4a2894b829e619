//! What each request costs: the one table of it. `docs/limits.md` shows the same, and a test holds
//! the two together.

/// A read, or anything that is not in the table.
const READ: u32 = 1;
/// Something that is gathered from many places.
const LIST: u32 = 5;
/// Something that others are shown.
const SHOWN: u32 = 20;
/// The dearest request: every limit lets at least one of it through.
pub(super) const DEAREST: u32 = SHOWN;

/// Commands, HTTP requests by their routes, and frames of a WebSocket.
///
/// A message costs nothing here, since messages have a limit of their own, and so has the
/// beginning of a session. A command over HTTP costs what it costs over lines, and its request
/// besides. Probes are free: an instance must not look dead because its network is busy.
pub const COSTS: [(&str, u32); 31] = [
    ("/help", READ),
    ("/nick", SHOWN),
    ("/list", LIST),
    ("/rooms", LIST),
    ("/create", SHOWN),
    ("/join", SHOWN),
    ("/leave", SHOWN),
    ("/history", READ),
    ("/quit", READ),
    ("GET /", READ),
    ("GET /web/{file}", READ),
    ("GET /favicon.ico", READ),
    ("GET /api/openapi.json", READ),
    ("POST /api/connect", READ),
    ("POST /api/command", READ),
    ("POST /api/message", 0),
    ("POST /api/disconnect", READ),
    ("GET /api/messages/{room}", READ),
    ("GET /api/history/{room}", READ),
    ("GET /api/rooms", LIST),
    ("GET /api/users", LIST),
    ("GET /api/ws", READ),
    ("GET /health", 0),
    ("GET /livez", 0),
    ("GET /readyz", 0),
    ("GET /metrics", 0),
    ("frame connect", READ),
    ("frame connect, each room", READ),
    ("frame message", 0),
    ("frame that is none", READ),
    ("line that is none", READ),
];

/// What a request costs, by its name in the table.
pub fn cost(request: &str) -> u32 {
    let known = COSTS.iter().find(|(name, _)| *name == request);
    known.map_or(READ, |(_, cost)| *cost)
}
