//! Messages that the database lost and this instance still held, written to files that `replay` takes.
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::delivery::{Hub, LostMessages};
use crate::model::{Entry, MessageId, RoomKind, Seq, format_time};
use crate::private;

/// Between two tries to write a file.
const AGAIN: Duration = Duration::from_secs(10);

/// Saves what turns out to be lost, until `stop`.
pub(super) async fn save(
    hub: Arc<Hub>,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        let found = tokio::select! {
            biased;
            found = hub.lost() => found,
            () = stop.cancelled() => return,
        };
        for lost in found {
            save_one(Arc::new(lost), &folder, &clock, &stop).await;
        }
    }
}

/// Tries until it is on the disk: nowhere else is it any more.
async fn save_one(
    lost: Arc<LostMessages>,
    folder: &Path,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) {
    loop {
        let (what, to, at) = (lost.clone(), folder.to_owned(), clock.utc());
        let written = tokio::task::spawn_blocking(move || write(&what, &to, at)).await;
        let count = lost.messages.len();
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(path) => {
                tracing::error!(
                    room = ?lost.room,
                    messages = count,
                    file = %path.display(),
                    "saved what the database lost: 'discordctl replay FILE' puts it back"
                );
                return;
            }
            Err(error) => {
                tracing::error!(%error, room = ?lost.room, messages = count, folder = %folder.display(),
                    "cannot save what the database lost: it is tried again");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// A message as documents of the archive have it.
#[derive(Serialize)]
struct Line<'a> {
    id: MessageId,
    user: &'a str,
    content: &'a str,
    created_at: String,
    seq: Seq,
}

impl<'a> Line<'a> {
    fn of(message: &'a Entry) -> Self {
        Self {
            id: message.id,
            user: &message.user,
            content: message.text(),
            created_at: format_time(message.created_at),
            seq: message.seq,
        }
    }
}

/// Writes a file `lost-<time>.json` that was not there, through to the disk. Returns its path.
fn write(lost: &LostMessages, folder: &Path, at: DateTime<Utc>) -> io::Result<PathBuf> {
    private::folder(folder)?;
    let (path, file) = create(folder, at)?;
    let written = write_to(lost, file);
    if written.is_err() {
        let _ = std::fs::remove_file(&path);
    }
    written?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}

/// Of several at one moment each has a millisecond of its own.
fn create(folder: &Path, at: DateTime<Utc>) -> io::Result<(PathBuf, File)> {
    let mut at = at;
    loop {
        let path = folder.join(format!("lost-{}.json", at.format("%Y%m%dT%H%M%S%.3fZ")));
        match private::create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                at += Duration::from_millis(1);
            }
            created => return Ok((path, created?)),
        }
    }
}

fn write_to(lost: &LostMessages, file: File) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    let (room, epoch) = (lost.room.as_str(), lost.epoch.as_str());
    let (room, epoch) = (serde_json::to_string(room)?, serde_json::to_string(epoch)?);
    write!(out, "{{\"room\":{room},\"lost\":{epoch}")?;
    if lost.kind != RoomKind::Public {
        write!(out, ",\"kind\":\"{}\"", lost.kind.as_str())?;
    }
    write!(out, ",\"messages\":[")?;
    let messages = lost.messages.iter().filter(|entry| entry.is_message());
    for (n, message) in messages.enumerate() {
        out.write_all(if n == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut out, &Line::of(message))?;
    }
    out.write_all(b"\n]}\n")?;
    out.into_inner()?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Epoch, RoomName};

    #[test]
    fn each_has_a_file_of_its_own_that_is_a_document() {
        let folder = tempfile::tempdir().expect("a folder");
        let at: DateTime<Utc> = "2026-11-29T10:00:00.999Z".parse().expect("a time");
        let message = Entry {
            id: MessageId::new(7),
            seq: Seq::new(41),
            room: RoomName::stored("a \"room\""),
            user: "alice".into(),
            number: crate::model::Number::new(41),
            what: "one\ntwo".into(),
            created_at: at,
        };
        let lost = LostMessages {
            room: message.room.clone(),
            kind: RoomKind::Public,
            epoch: Epoch::named("e1"),
            messages: vec![message.clone(), message],
        };
        let inside = folder.path().join("data");
        let paths = [(); 2].map(|()| write(&lost, &inside, at).expect("written"));
        let names = paths
            .each_ref()
            .map(|path| path.file_name().and_then(|name| name.to_str()));
        let wanted = [
            "lost-20261129T100000.999Z.json",
            "lost-20261129T100001.000Z.json",
        ];
        assert_eq!(names, wanted.map(Some));
        let text = std::fs::read_to_string(&paths[0]).expect("readable");
        let line = r#"{"id":7,"user":"alice","content":"one\ntwo","created_at":"2026-11-29T10:00:00.999Z","seq":41}"#;
        let head = r#"{"room":"a \"room\"","lost":"e1","messages":["#;
        assert_eq!(text, format!("{head}\n{line},\n{line}\n]}}\n"));
    }
}
