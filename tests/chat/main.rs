//! Chat as people meet it: the same scenarios over each transport, against a real server.
mod client;
mod disk;
mod faults;
mod limits;
mod line;
#[path = "../support/need.rs"]
mod need;
mod scenario;
mod server;
