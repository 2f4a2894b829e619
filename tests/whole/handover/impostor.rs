//! A process that wants to take over and does not do it well, played by the test itself.
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::handover::site::Site;

pub(crate) struct Impostor {
    stream: BufReader<UnixStream>,
}

/// What a real successor would ask.
pub(crate) fn request(site: &Site) -> Value {
    let digest = Sha256::digest(site.db_url.as_bytes());
    let digest: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
    json!({ "ask": "hand_over", "format": 1, "version": "9.9.9", "pid": 1, "database": digest })
}

impl Impostor {
    pub(crate) fn connect(site: &Site) -> Self {
        Self {
            stream: BufReader::new(site.connect()),
        }
    }

    pub(crate) fn say(&mut self, word: &Value) {
        let _ = writeln!(self.stream.get_mut(), "{word}");
    }

    /// The next word. Descriptors that come with it are closed by the kernel.
    pub(crate) fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_default()
    }

    /// Says what a real one would until it has heard `word`.
    pub(crate) fn until(&mut self, site: &Site, word: &str) -> Value {
        self.say(&request(site));
        let answer = self.hear();
        assert!(answer["ok"].is_object(), "{answer}");
        loop {
            let heard = self.hear();
            if heard["say"] == word {
                return heard;
            }
            match heard["say"].as_str() {
                Some("offer") => self.say(&json!({ "say": "prepared" })),
                Some(_) => {}
                None => panic!("never: {word}"),
            }
        }
    }
}
