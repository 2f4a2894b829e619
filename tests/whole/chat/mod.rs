//! Chat as people meet it: the same scenarios over each transport, against a real server.
mod disk;
mod faults;
mod limits;
mod line;
pub(crate) mod scenario;
