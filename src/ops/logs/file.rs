//! One log, read on wherever it went: its file is turned over, moved away or emptied while it is read.
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::regular;

/// What is read in one look.
const MOST: u64 = 1 << 20;
/// What is looked through for the last lines.
const MOST_BACK: u64 = 16 << 20;
/// Files that were turned over and may be there; an instance keeps fewer.
const MOST_OLD: u32 = 1_000;

pub(super) struct Tail {
    path: PathBuf,
    file: Option<File>,
    offset: u64,
    /// A line that has no end yet.
    partial: Vec<u8>,
}

impl Tail {
    pub(super) fn of(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            offset: 0,
            partial: Vec::new(),
        }
    }

    /// The last `count` lines that are whole.
    pub(super) fn last(&mut self, count: usize) -> io::Result<Vec<String>> {
        let mut file = regular::open(&self.path)?;
        let length = file.metadata()?.len();
        let (mut lines, partial) = end_of(&mut file, length)?;
        (self.file, self.offset, self.partial) = (Some(file), length, partial);
        let mut older = 1..=MOST_OLD;
        while lines.len() < count
            && let Some(Ok(mut file)) = older.next().map(|n| regular::open(&self.old(n)))
        {
            let length = file.metadata()?.len();
            let (mut before, partial) = end_of(&mut file, length)?;
            if !partial.is_empty() {
                before.push(text(&partial));
            }
            before.append(&mut lines);
            lines = before;
        }
        lines.drain(..lines.len().saturating_sub(count));
        Ok(lines)
    }

    /// The lines that came since.
    pub(super) fn news(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        if self.file.is_none() {
            self.begin(self.path.clone())?;
        }
        while self.read(&mut lines)? < MOST {
            let Some(next) = self.next()? else {
                return Ok(lines);
            };
            // What was written to it before its writer went on.
            self.read(&mut lines)?;
            if !self.partial.is_empty() {
                lines.push(text(&std::mem::take(&mut self.partial)));
            }
            self.begin(next)?;
        }
        Ok(lines)
    }

    fn begin(&mut self, path: PathBuf) -> io::Result<()> {
        self.file = Some(regular::open(&path)?);
        self.offset = 0;
        Ok(())
    }

    /// Reads on in the file that is open; returns how many bytes that were.
    fn read(&mut self, lines: &mut Vec<String>) -> io::Result<u64> {
        let Some(file) = &mut self.file else {
            return Ok(0);
        };
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
            self.partial.clear();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.take(MOST).read_to_end(&mut self.partial)? as u64;
        self.offset += read;
        lines.extend(take_lines(&mut self.partial));
        if self.partial.len() as u64 > MOST {
            lines.push(text(&std::mem::take(&mut self.partial)));
        }
        Ok(read)
    }

    /// The file that was begun after the one that is open, if there is one.
    fn next(&self) -> io::Result<Option<PathBuf>> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let ours = file.metadata()?;
        let same = |found: &Metadata| (found.dev(), found.ino()) == (ours.dev(), ours.ino());
        match fs::metadata(&self.path) {
            Ok(found) if same(&found) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Turned over several times since, there are others between.
        let mut newer = self.path.clone();
        for number in 1..=MOST_OLD {
            let old = self.old(number);
            match fs::metadata(&old) {
                Ok(found) if same(&found) => return Ok(newer.exists().then_some(newer)),
                Ok(_) => newer = old,
                Err(_) => break,
            }
        }
        Ok(self.path.exists().then(|| self.path.clone()))
    }

    fn old(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

/// The whole lines at the end of a file up to `length`, and what comes after the last.
fn end_of(file: &mut File, length: u64) -> io::Result<(Vec<String>, Vec<u8>)> {
    let from = length.saturating_sub(MOST_BACK);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(length - from).read_to_end(&mut bytes)?;
    let mut lines = take_lines(&mut bytes);
    if from > 0 && !lines.is_empty() {
        // It began before what was read.
        lines.remove(0);
    }
    Ok((lines, bytes))
}

/// Takes the whole lines out of `bytes`.
fn take_lines(bytes: &mut Vec<u8>) -> Vec<String> {
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        return Vec::new();
    };
    let whole: Vec<u8> = bytes.drain(..=end).collect();
    whole[..end]
        .split(|byte| *byte == b'\n')
        .map(text)
        .collect()
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}
