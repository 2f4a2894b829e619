//! The file in which an instance describes itself.
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Facts;
use crate::model::Listeners;
use crate::private::write_whole;

/// Longer than any that an instance writes; what is longer is cut, and then no JSON.
const LONGEST: u64 = 64 * 1024;

/// What an instance says of itself. Fields that a reader does not know are left alone, so that
/// versions can differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub instance: String,
    pub pid: u32,
    #[serde(flatten)]
    pub facts: Facts,
    pub version: String,
    /// What it was started with, if that was a file.
    pub config: Option<PathBuf>,
    /// Its working folder, to which the paths in its settings are relative.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// Its settings in the shape of a file. Passwords are hidden: the instance itself tells
    /// those, to its user, over the control socket.
    #[serde(default)]
    pub settings: Option<Value>,
    #[serde(default)]
    pub hides_secrets: bool,
    /// Where it listens, once it does.
    #[serde(flatten)]
    pub listeners: Listeners,
    pub state: State,
    /// What it waits for before it can be ready, in words.
    #[serde(default)]
    pub waits: Option<String>,
    pub started_at: String,
    /// The number of its row among the database's instances.
    #[serde(default)]
    pub row: Option<i64>,
    /// The systemd unit that it is, if it is one.
    #[serde(default)]
    pub unit: Option<String>,
    /// The version of the protocol in which it can hand its connections over, if it can.
    #[serde(default)]
    pub hand_over: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Starting,
    Ready,
    Draining,
}

impl Identity {
    /// `None` where there is no such file.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        Ok(Self::read_signed(path)?.map(|(identity, _)| identity))
    }

    /// The same with the user who wrote it.
    pub(super) fn read_signed(path: &Path) -> io::Result<Option<(Self, u32)>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let author = file.metadata()?.uid();
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text)?;
        let wrong = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let identity = serde_json::from_slice(&text).map_err(wrong)?;
        Ok(Some((identity, author)))
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        write_whole(path, format!("{text}\n").as_bytes())
    }

    /// Removes the file if it still speaks of this process, and not of a successor.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        match Self::read(path)? {
            Some(found) if (found.pid, &found.facts) == (self.pid, &self.facts) => {
                fs::remove_file(path)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Listener, ListenerKind};
    use std::net::SocketAddr;

    #[test]
    fn records_of_other_versions_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("one.json");
        let mut record = serde_json::json!({
            "instance": "one", "pid": 7, "version": "0.1.0", "config": null,
            "tcp_port": 9001, "http_port": 3001, "state": "ready",
            "started_at": "2026-01-01T00:00:00Z", "boot_id": "", "start_ticks": 0,
        });
        let read = |record: &Value| {
            write_whole(&path, record.to_string().as_bytes()).expect("written");
            Identity::read(&path).expect("readable").expect("there")
        };
        let first = read(&record);
        let ports =
            [ListenerKind::Lines, ListenerKind::Http].map(|kind| first.listeners.port(kind));
        assert_eq!(ports, [Some(9001), Some(3001)]);
        assert!(matches!(first.listeners, Listeners::Expected(_)));
        record["listeners"] = serde_json::json!([
            { "name": "irc", "kind": "irc", "address": "127.0.0.1:6667", "tls": true }
        ]);
        record["more"] = true.into();
        let Listeners::Open(open) = read(&record).listeners else {
            panic!("its list was not read");
        };
        assert_eq!(open[0].kind, ListenerKind::Other);
    }

    #[test]
    fn earlier_versions_find_the_ports_beside_the_list() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let listeners = Listeners::Open(vec![
            Listener::new("tcp", ListenerKind::Lines, at(9001)),
            Listener::new("http", ListenerKind::Http, at(3001)),
        ]);
        let written = serde_json::to_value(&listeners).expect("plain JSON");
        assert_eq!(written["listeners"][1]["address"], "127.0.0.1:3001");
        assert_eq!(
            (&written["tcp_port"], &written["http_port"]),
            (&9001.into(), &3001.into())
        );
        let none = serde_json::to_value(Listeners::NONE).expect("plain JSON");
        assert_eq!(
            none,
            serde_json::json!({"listeners": [], "tcp_port": null, "http_port": null})
        );
    }
}
