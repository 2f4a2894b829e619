//! HTTP and Server-Sent Events as clients meet them: a real server, real sockets.
mod client;
mod document;
mod openapi;
mod schema;
mod server;
