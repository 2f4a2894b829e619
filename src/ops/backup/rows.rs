//! A dump read to its end, and its rows counted: a list at its beginning says nothing of what is
//! missing at its end.
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::{BackupError, tools};

/// Rows by table, as `pg_restore` reads them out.
pub(super) async fn of(dump: &Path) -> Result<BTreeMap<String, i64>, BackupError> {
    let pg_restore = tools::find("pg_restore", 0).await?;
    let mut command = pg_restore.plain();
    command.args(["--data-only", "--file=-"]).arg(dump);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = || BackupError::io("read", dump);
    let mut child = command.spawn().map_err(failed())?;
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed()(std::io::ErrorKind::BrokenPipe.into()));
    };
    let counting = async {
        let mut counter = Counter::default();
        let mut text = BufReader::with_capacity(1 << 16, stdout);
        loop {
            let piece = text.fill_buf().await?;
            if piece.is_empty() {
                return Ok(counter);
            }
            counter.take(piece);
            let length = piece.len();
            text.consume(length);
        }
    };
    let mut said = Vec::new();
    let listening = stderr.read_to_end(&mut said);
    let (counted, listened) = tokio::join!(counting, listening);
    let counter: Counter = counted.map_err(failed())?;
    listened.map_err(failed())?;
    let status = child.wait().await.map_err(failed())?;
    if status.success() {
        Ok(counter.rows)
    } else {
        let told = tools::told(&said);
        let why = format!("pg_restore cannot read it to its end: {told}");
        Err(BackupError::corrupt(dump, why))
    }
}

/// Counts the lines between `COPY public.users (id, …) FROM stdin;` and `\.`, of which the
/// beginnings are enough.
#[derive(Debug, Default)]
struct Counter {
    rows: BTreeMap<String, i64>,
    table: Option<String>,
    line: Vec<u8>,
}

/// The longest beginning of a line that is looked at.
const START: usize = 1 << 10;

impl Counter {
    fn take(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.add(&rest[..end]);
            self.end_line();
            rest = &rest[end + 1..];
        }
        self.add(rest);
    }

    fn add(&mut self, part: &[u8]) {
        let room = START - self.line.len();
        self.line.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        match &self.table {
            Some(_) if line == b"\\." => self.table = None,
            Some(table) => *self.rows.entry(table.clone()).or_default() += 1,
            None => {
                self.table = table(&line);
                if let Some(table) = &self.table {
                    self.rows.insert(table.clone(), 0);
                }
            }
        }
    }
}

fn table(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix("COPY ")?;
    if !line.ends_with(" FROM stdin;") {
        return None;
    }
    let name = line.split([' ', '(']).next()?;
    let name = name.rsplit('.').next()?;
    Some(name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_however_they_come() {
        let text = "SET x;\n\nCOPY public.users (id, nickname) FROM stdin;\n1\tann\n2\tbob\n\\.\n\n\
            COPY chat.\"rooms\" (id) FROM stdin;\n\\.\nSELECT 1;\n";
        for size in [1, 7, text.len()] {
            let mut counter = Counter::default();
            text.as_bytes().chunks(size).for_each(|p| counter.take(p));
            let rows: Vec<_> = counter.rows.into_iter().collect();
            assert_eq!(rows, [("rooms".to_owned(), 0), ("users".to_owned(), 2)]);
        }
    }
}
