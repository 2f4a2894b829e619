//! HTTP and Server-Sent Events as clients meet them: a real server, real sockets.
mod client;
mod conversation;
mod cors;
mod document;
mod errors;
mod events;
mod gaps;
mod headers;
mod hosts;
mod lifecycle;
#[path = "../support/need.rs"]
mod need;
mod nonce;
mod openapi;
mod refusals;
mod resume;
mod rough;
mod schema;
mod server;
mod socket;
mod streams;
mod takeover;
mod watch;
