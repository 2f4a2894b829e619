//! The archive: what is kept of rooms as JSON documents in a folder or a bucket, and reading it. A document is
//! never overwritten; what is written to an archive, and when, is `ops`' part.
pub(crate) mod buffers;
mod cache;
mod catalogue;
pub(crate) mod destination;
mod details;
pub(crate) mod digest;
pub(crate) mod document;
pub(crate) mod entry;
pub(crate) mod error;
pub(crate) mod ledger;
pub mod library;
pub(crate) mod line;
pub(crate) mod list;
pub(crate) mod manifest;
mod parts;
pub(crate) mod path;
pub(crate) mod places;
pub mod shown;
pub(crate) mod stored;
mod time;
pub(crate) mod words;

pub use destination::Destination;
pub use error::ArchiveError;
pub use manifest::{Entry, Manifest};
pub use stored::Stored;

pub(crate) use document::VERSION;
pub(crate) use entry::Line;
pub(crate) use ledger::{Erasures, Ledger, PATH as LEDGER, digest};
pub(crate) use list::{Object, Said};
