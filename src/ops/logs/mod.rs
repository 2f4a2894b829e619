//! The logs of instances in the background, as one: their last lines, and those that come, in the order
//! of their times.
mod file;

use std::io;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use self::file::Tail;

/// A line, and the instance that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub instance: String,
    pub text: String,
}

/// The logs of some instances.
pub struct Logs {
    all: Vec<(String, Tail)>,
}

impl Logs {
    /// Of instances with these names and files.
    pub fn of(instances: impl IntoIterator<Item = (String, PathBuf)>) -> Self {
        let all = instances.into_iter();
        Self {
            all: all.map(|(name, path)| (name, Tail::of(path))).collect(),
        }
    }

    /// The last `count` lines of each, also from files that were turned over. What comes later is in
    /// [`Logs::news`]. Beside it, the instances with a log that cannot be read, and why.
    pub fn last(&mut self, count: usize) -> (Vec<Line>, Vec<(String, io::Error)>) {
        self.each(|tail| tail.last(count))
    }

    /// What was written since; no more than some of it, and the rest the next time.
    pub fn news(&mut self) -> Vec<Line> {
        // One that is not there, or cannot be read for now, is looked at again.
        self.each(Tail::news).0
    }

    fn each(
        &mut self,
        read: impl Fn(&mut Tail) -> io::Result<Vec<String>>,
    ) -> (Vec<Line>, Vec<(String, io::Error)>) {
        let (mut timed, mut unread) = (Vec::new(), Vec::new());
        for (name, tail) in &mut self.all {
            let lines = match read(tail) {
                Ok(lines) => lines,
                Err(error) => {
                    unread.push((name.clone(), error));
                    continue;
                }
            };
            let mut at = DateTime::<Utc>::MIN_UTC;
            for text in lines {
                // What has no time, as the rest of a panic, belongs to what is before it.
                at = time(&text).unwrap_or(at);
                let instance = name.clone();
                timed.push((at, Line { instance, text }));
            }
        }
        timed.sort_by_key(|(at, _)| *at);
        (timed.into_iter().map(|(_, line)| line).collect(), unread)
    }
}

/// When a line was written, in either form of the log.
fn time(line: &str) -> Option<DateTime<Utc>> {
    let json = line.strip_prefix("{\"timestamp\":\"");
    let text = match json {
        Some(rest) => rest.split('"').next()?,
        None => line.split_whitespace().next()?,
    };
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::Write;
    use std::path::Path;

    fn append(path: &Path, text: &str) {
        let mut file = File::options().append(true).create(true).open(path);
        let file = file.as_mut().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_of_several_come_in_the_order_of_their_times() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (folder.path().join("1.log"), folder.path().join("2.log"));
        append(
            &one,
            "{\"timestamp\":\"2026-01-01T00:00:01Z\"}\nand more of it\n",
        );
        append(&one, "{\"timestamp\":\"2026-01-01T00:00:03.5Z\"}\n");
        append(&two, "2026-01-01T00:00:02Z  INFO hello\n");
        let mut logs = Logs::of([
            ("1".into(), one),
            ("2".into(), two),
            ("3".into(), "no".into()),
        ]);
        let (lines, unread) = logs.last(10);
        let order: Vec<&str> = lines.iter().map(|line| line.instance.as_str()).collect();
        assert_eq!(order, ["1", "1", "2", "1"]);
        assert_eq!((unread.len(), unread[0].0.as_str()), (1, "3"));
    }

    #[test]
    fn no_line_is_lost_where_the_file_is_turned_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("1.log");
        let old = |n: u32| folder.path().join(format!("1.log.{n}"));
        append(&old(1), "a\nb\n");
        append(&log, "c\nd\nhal");
        let mut logs = Logs::of([("1".into(), log.clone())]);
        assert_eq!(texts(logs.last(3).0), ["b", "c", "d"]);
        append(&log, "f\ne\n");
        assert_eq!(texts(logs.news()), ["half", "e"]);
        // Turned over twice between two looks.
        append(&log, "f\n");
        fs::rename(&log, old(1)).expect("renamed");
        append(&log, "g\n");
        fs::rename(old(1), old(2)).expect("renamed");
        fs::rename(&log, old(1)).expect("renamed");
        assert_eq!(texts(logs.news()), ["f", "g"]);
        append(&log, "h\n");
        assert_eq!(texts(logs.news()), ["h"]);
        // Emptied in its place, as logrotate's copytruncate does.
        fs::write(&log, "").expect("written");
        assert!(logs.news().is_empty());
        append(&log, "i\n");
        assert_eq!(texts(logs.news()), ["i"]);
        // Moved away by another program.
        fs::rename(&log, folder.path().join("away")).expect("renamed");
        assert!(logs.news().is_empty());
        append(&log, "j\n");
        assert_eq!(texts(logs.news()), ["j"]);
    }
}
