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
use crate::model::{Listener, RoomId};
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
        /// What the sockets are, in their order. The first version did not say: its two are those
        /// of the settings.
        #[serde(default)]
        listeners: Vec<Listener>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_and_this_one_understand_each_others_offer() {
        let old = r#"{"say":"offer","format":1,"instance":7,"rooms":[],"lines":0}"#;
        let heard: Word = serde_json::from_str(old).expect("an offer");
        assert!(matches!(&heard, Word::Offer { listeners, .. } if listeners.is_empty()));
        let ours = Word::Offer {
            format: FORMAT,
            instance: InstanceId::new(7),
            rooms: Vec::new(),
            lines: 0,
            listeners: Config::default().listeners(),
        };
        // As the first version has it: what it does not know it leaves alone.
        #[derive(Deserialize)]
        #[serde(tag = "say", rename_all = "snake_case")]
        enum First {
            Offer { format: u32, lines: usize },
        }
        let said = serde_json::to_string(&ours).expect("JSON");
        let First::Offer { format, lines } = serde_json::from_str(&said).expect("an offer");
        assert_eq!((format, lines), (1, 0));
        let heard: Word = serde_json::from_str(&said).expect("an offer");
        assert_eq!(format!("{heard:?}"), format!("{ours:?}"));
    }
}
