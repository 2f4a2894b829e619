//! The values that chat is made of. No I/O, no clock, nothing shared.
mod access;
mod cause;
mod closest;
mod content;
mod display;
mod emoji;
mod entry;
mod epoch;
mod host;
mod ids;
mod listener;
mod mention;
mod name;
mod network;
mod notice;
mod password;
mod peer;
mod plain;
mod role;
mod room;
mod session;
mod topic;
pub mod url;

pub use access::{Access, AccessMode, PlaintextLogin, Registration};
pub use cause::Cause;
pub use closest::closest;
pub use content::{Content, ContentError, MAX_CHARS};
pub use display::{DisplayName, DisplayNameError};
pub use emoji::{Emoji, NoEmoji};
pub use entry::{
    Details, Entry, Event, Gone, MOST_REACTING, Message, MessageKind, Reaction, Reactions, What,
    format_time,
};
pub use epoch::{Epoch, Lineage};
pub use host::Host;
pub use ids::{
    ConnectionId, InstanceId, MAX_EXACT, MessageId, Number, PackId, RoomId, RoomVersion, RunId,
    Seq, Uid, UserId,
};
pub use listener::{Listener, ListenerKind, Listeners, Reach};
pub use mention::{MOST_MENTIONS, Mention, mentions};
pub use name::{LOBBY, MAIN, NameError, Nickname, RoomName, WorkspaceName};
pub use network::{Network, NotANetwork, client_network};
pub use notice::{Aside, HasRead, News, Notice, Told};
pub use password::Password;
pub use peer::{Channel, Peer};
pub use plain::{plain, plain_json, plain_line};
pub use role::{Role, RoomKind};
pub use room::{RoomKey, RoomRef, UserKey};
pub use session::{Nonce, SessionId, SessionKey, TransportKind};
pub use topic::{Topic, TopicTooLong};
