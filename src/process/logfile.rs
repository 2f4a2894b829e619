//! A log in a file that does not grow for ever. The process that writes it turns it over, so
//! that no process has to be told to open it again.
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::private;

/// The file behind standard error: what a panic or a library says lands there too.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    written: u64,
    /// Beyond this many bytes it is turned over.
    limit: u64,
    /// How many old ones stay: `path.1` is the newest of them.
    keep: u32,
}

impl LogFile {
    /// From here on, standard error goes there.
    pub fn open(path: &Path, limit: u64, keep: u32) -> io::Result<Self> {
        let written = behind_stderr(path)?;
        Ok(Self {
            path: path.to_owned(),
            state: Mutex::new(State {
                written,
                limit,
                keep,
            }),
        })
    }

    /// Opens it anew at its path, wherever what was written so far is now.
    pub fn reopen(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.written = behind_stderr(&self.path)?;
        Ok(())
    }

    /// Turns it over beyond `limit` bytes from now on, and leaves `keep` old ones.
    pub fn rotate_at(&self, limit: u64, keep: u32) {
        let mut state = self.state.lock();
        (state.limit, state.keep) = (limit, keep);
    }

    /// Does so if another file, or none, is at its path.
    pub fn follow(&self) -> io::Result<()> {
        let ours = rustix::fs::fstat(io::stderr())?;
        let found = fs::metadata(&self.path);
        if found.is_ok_and(|found| (found.ino(), found.dev()) == (ours.st_ino, ours.st_dev)) {
            Ok(())
        } else {
            self.reopen()
        }
    }

    fn old(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// An earlier writer, or another program, may have moved the file already: then the
    /// new one is opened and nothing is moved.
    fn turn_over(&self, keep: u32) -> io::Result<u64> {
        let ours = rustix::fs::fstat(io::stderr())?.st_ino;
        if fs::metadata(&self.path).is_ok_and(|found| found.ino() == ours) {
            for number in (1..keep).rev() {
                // Those that are not there yet.
                let _ = fs::rename(self.old(number), self.old(number + 1));
            }
            match keep {
                0 => fs::remove_file(&self.path)?,
                _ => fs::rename(&self.path, self.old(1))?,
            }
        }
        behind_stderr(&self.path)
    }
}

impl Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let mut state = self.state.lock();
        if state.written > 0 && state.written.saturating_add(length) > state.limit {
            // Where it cannot be turned over it grows on, and is tried again when it has
            // doubled: a log that is too long is better than none.
            state.written = self.turn_over(state.keep).unwrap_or(0);
        }
        io::stderr().write_all(line)?;
        state.written = state.written.saturating_add(length);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Opens the file and puts it in the place of standard error; returns how long it is.
fn behind_stderr(path: &Path) -> io::Result<u64> {
    let file = append_to(path)?;
    rustix::stdio::dup2_stderr(&file)?;
    Ok(file.metadata()?.len())
}

/// A log that is appended to, made with its folder if it is not there.
pub fn append_to(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        private::folder(folder)?;
    }
    private::append(path)
}

/// The end of what was written to a log after its first `from` bytes: no more than `most` bytes,
/// in whole lines.
pub fn tail(log: &Path, from: u64, most: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    // Shorter than it was: it was begun anew meanwhile.
    let from = if from > length { 0 } else { from };
    let start = from.max(length.saturating_sub(most));
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(match text.split_once('\n') {
        Some((_, whole)) if start > from => whole.to_owned(),
        _ => text.into_owned(),
    })
}

/// The last so many lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
