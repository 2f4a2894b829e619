//! The log's two ends. A message goes in through the committer, becomes part of its room's
//! tail, and is read by cursors; whatever an instance has not heard of, the relay reads from
//! the store. There is one way to deliver, and recovery is that way.
mod amend;
mod archived;
mod batcher;
mod chunk;
mod committer;
mod cursor;
mod gone;
mod hearsay;
mod herald;
mod hub;
mod lineage;
mod lost;
mod marks;
mod notices;
mod pages;
mod past;
mod relay;
mod rewind;
mod room;
mod tail;
#[cfg(test)]
mod tests;

pub use archived::{ReadError, Unreadable};
pub use batcher::{Batcher, QueueFull};
pub use chunk::{Chunk, Encode, Encoded, End, Format, Item, Showing};
pub use committer::{Author, Committer, Outgoing, QUEUE as COMMIT_QUEUE, Receipt, SendError};
pub use cursor::{Cursor, Next, Slice, Start};
pub use hub::{Hub, TailLimits};
pub use lost::LostMessages;
pub use marks::{MOST as MOST_MARKS, MarksFull, Pending, ReadMarks};
pub use pages::fitting;
pub use past::Past;
pub use relay::Relay;
pub use room::Room;
