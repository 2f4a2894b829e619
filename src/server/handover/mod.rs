//! A process gives its connections to its successor, which goes on with them as if nothing had
//! been. Until the last word the first keeps everything, and can go on itself.
//!
//! ```text
//! successor                          predecessor
//!   hand_over ─────────────────────►  serves on
//!   ◄──────────────── offer + listening sockets, lock
//!   opens the database, warms rooms
//!   prepared ──────────────────────►  accepts no more; sessions hold still
//!   ◄─────────────────────── lines + sockets, others, all
//!   attaches readers, touches nothing
//!   ready ─────────────────────────►  decides
//!   ◄──────────────────────── go, or keep
//!   serves; moves the presence rows
//!   serving ───────────────────────►  drains what is left, ends
//! ```
mod channel;
mod give;
mod take;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::chat::{LineState, SessionState};
use crate::config::Config;
use crate::model::RoomId;
use crate::store::InstanceId;

use crate::process::control::HAND_OVER as FORMAT;

pub(super) use give::{Estate, Giver, Replaced};
pub(super) use take::{ask, fits};

/// What is said.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
enum Word {
    Offer {
        format: u32,
        instance: InstanceId,
        /// Those that are read here.
        rooms: Vec<(RoomId, String)>,
        lines: usize,
    },
    Prepared {},
    Lines {
        lines: Vec<LineState>,
    },
    Others {
        sessions: Vec<SessionState>,
    },
    All {
        lines: usize,
    },
    Ready {
        instance: InstanceId,
    },
    Go {},
    Keep {
        why: String,
    },
    Serving {},
}

/// By this two processes know that they mean one database, without naming it.
fn database(config: &Config) -> String {
    let digest = Sha256::digest(config.db_url.expose().as_bytes());
    digest[..16].iter().map(|b| format!("{b:02x}")).collect()
}
