//! The embedded database as it lies on a disk: a main file, and the files that SQLite keeps beside
//! it. All that makes, opens, copies, moves or replaces one goes through here, so that none of
//! them is ever forgotten, or read as if it belonged to another main file.
mod access;
mod hold;
mod reading;
mod witness;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::StoreError;
use crate::private;

pub(in crate::store) use access::Use;
pub use hold::Hold;
pub(in crate::store) use reading::Reading;
pub(in crate::store) use witness::Witness;

/// The log of what is not in the main file yet.
const LOG: &str = "-wal";
/// What SQLite keeps beside a main file: the log, the memory that its users share, and the
/// rollback journal of a database that is not in WAL mode
/// (<https://www.sqlite.org/tempfiles.html>).
const BESIDE: [&str; 3] = [LOG, "-shm", "-journal"];
/// Those without which the main file is not all there is.
const NEEDED: [&str; 2] = [LOG, "-journal"];

/// A database by its name; whether it is there is another question.
#[derive(Debug, Clone)]
pub struct Embedded {
    options: Arc<SqliteConnectOptions>,
    /// Without symbolic links, as SQLite itself names what is beside it.
    main: PathBuf,
}

impl Embedded {
    /// The database that a `sqlite:` URL names.
    pub fn of(url: &str) -> Result<Self, StoreError> {
        let options: SqliteConnectOptions = url
            .parse()
            .map_err(|e| StoreError::Unsupported(format!("cannot read db_url: {e}")))?;
        let file = options.get_filename();
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        if in_memory || file.as_os_str().is_empty() {
            return Err(StoreError::Unsupported(
                "db_url names no file, and what is not in a file is gone with its process: \
                 name one, as in sqlite://data/discord.db"
                    .into(),
            ));
        }
        private::trust(file)
            .map_err(|e| StoreError::Unsupported(format!("cannot use db_url: {e}")))?;
        let main = resolve(file);
        let options = Arc::new(options);
        Ok(Self { options, main })
    }

    /// The one whose main file is `file`.
    pub fn at(file: &Path) -> Self {
        Self {
            options: Arc::default(),
            main: resolve(file),
        }
    }

    pub fn main(&self) -> &Path {
        &self.main
    }

    pub(in crate::store) fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::clone(&self.options).filename(&self.main)
    }

    /// How a connection is opened that writes, and waits for others who do for `patience`. The
    /// file was made before; where it is gone since, nothing takes its place.
    pub(in crate::store) fn to_write(&self, patience: Duration) -> SqliteConnectOptions {
        self.options()
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What a row no longer says is overwritten, and not just left to be so some time.
            .pragma("secure_delete", "ON")
            .busy_timeout(patience)
    }

    /// As it can be configured.
    pub fn url(&self) -> String {
        let path = self.main.to_string_lossy();
        format!("sqlite://{}", path.replace('%', "%25").replace('?', "%3F"))
    }

    pub fn is_there(&self) -> bool {
        self.main.exists()
    }

    pub fn log(&self) -> PathBuf {
        self.beside(LOG)
    }

    pub fn log_bytes(&self) -> u64 {
        size(&self.log())
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name: OsString = self.main.clone().into();
        name.push(suffix);
        name.into()
    }

    /// The main file and all that may be beside it.
    fn all(&self) -> impl Iterator<Item = PathBuf> {
        let beside = BESIDE.into_iter().map(|suffix| self.beside(suffix));
        [self.main.clone()].into_iter().chain(beside)
    }

    /// What lies beside the main file, or where that was, and holds what it does not.
    pub fn logs(&self) -> Vec<PathBuf> {
        let beside = NEEDED.into_iter().map(|suffix| self.beside(suffix));
        beside.filter(|file| size(file) > 0).collect()
    }

    /// Those of its files that are there.
    pub fn files(&self) -> Vec<PathBuf> {
        self.all().filter(|file| file.exists()).collect()
    }

    /// The bytes of all its files.
    pub fn size(&self) -> u64 {
        self.all().map(|file| size(&file)).sum()
    }

    fn folder(&self) -> &Path {
        match self.main.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// Makes an empty main file that only its user may read, where there is none. Fails where the
    /// log of another is left: SQLite would delete it, or play it over the new one.
    pub(in crate::store) fn make(&self) -> Result<(), StoreError> {
        let refused = |what: &str, at: &Path, error: &io::Error| {
            access::failed(&format!("cannot make the {what} {}", at.display()), error)
        };
        // One that is there may be another user's, for whom root does this.
        if !self.folder().is_dir() {
            private::folder(self.folder())
                .map_err(|error| refused("folder", self.folder(), &error))?;
        }
        if !self.is_there() {
            self.without_a_log()?;
        }
        let new = !self.is_there();
        private::prepare(&self.main)
            .and_then(|()| if new { self.give(&self.main) } else { Ok(()) })
            .map_err(|error| refused("file", &self.main, &error))
    }

    /// Root leaves nothing beside a database, or in its place, that its user could not open: the
    /// file is given to the owner of the folder.
    pub fn give(&self, file: &Path) -> io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let like = fs::metadata(self.folder())?;
        std::os::unix::fs::lchown(file, Some(like.uid()), Some(like.gid()))
    }

    fn without_a_log(&self) -> Result<(), StoreError> {
        let logs = self.logs();
        let Some(log) = logs.first() else {
            return Ok(());
        };
        Err(StoreError::Damaged(format!(
            "{main} is not there, and {log} is, which belongs to it and may hold what was said \
             last: put the file that was {main} back beside it, or move {log} away",
            main = self.main.display(),
            log = log.display(),
        )))
    }

    /// Gives the database another name, with all that belongs to it: `suffix` is added to that of
    /// the main file. The caller holds it alone.
    pub(in crate::store) fn set_aside(&self, suffix: &str) -> io::Result<Vec<(PathBuf, PathBuf)>> {
        let mut name: OsString = self.main.clone().into();
        name.push(suffix);
        let aside = Self::at(Path::new(&name));
        let mut moved = Vec::new();
        // The main file first: where this ends half way, a log without one is refused by all.
        for (from, to) in self.all().zip(aside.all()) {
            match rustix::fs::renameat_with(
                rustix::fs::CWD,
                &from,
                rustix::fs::CWD,
                &to,
                rustix::fs::RenameFlags::NOREPLACE,
            ) {
                Ok(()) => moved.push((from, to)),
                Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        fs::File::open(self.folder())?.sync_all()?;
        Ok(moved)
    }
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |found| found.len())
}

/// The file that `path` leads to, also where there is none yet.
fn resolve(path: &Path) -> PathBuf {
    /// As many links as Linux follows.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            // A relative link begins where it lies.
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => break,
        }
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => std::path::absolute(&path).unwrap_or(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_known_by_what_its_name_leads_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = folder.path().canonicalize().expect("there").join("real.db");
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink("real.db", &link).expect("a link");
        for there in [false, true] {
            if there {
                fs::write(&real, "").expect("written");
            }
            let url = format!("sqlite://{}?mode=rwc", link.display());
            assert_eq!(Embedded::of(&url).expect("a file").main(), real);
            assert_eq!(
                Embedded::at(&link).log(),
                real.with_file_name("real.db-wal")
            );
        }
        let spaced = Embedded::of("sqlite://my%20chat/a b.db").expect("a file");
        assert!(spaced.main().ends_with("my chat/a b.db"));
    }

    #[test]
    fn what_is_no_file_is_told() {
        for url in ["sqlite::memory:", "sqlite://", "sqlite://a.db?mode=memory"] {
            let Err(StoreError::Unsupported(why)) = Embedded::of(url) else {
                panic!("{url} is taken");
            };
            assert!(why.contains("names no file"), "{why}");
        }
    }

    #[test]
    fn it_is_set_aside_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Embedded::at(&folder.path().join("a.db"));
        for file in database.all() {
            fs::write(file, "x").expect("written");
        }
        let moved = database.set_aside(".old").expect("moved");
        assert_eq!(moved.len(), 4);
        assert!(database.all().all(|file| !file.exists()));
        let names = [
            "a.db.old",
            "a.db.old-wal",
            "a.db.old-shm",
            "a.db.old-journal",
        ];
        assert!(names.iter().all(|name| folder.path().join(name).exists()));
        fs::write(database.log(), "x").expect("written");
        assert!(matches!(database.make(), Err(StoreError::Damaged(_))));
        fs::write(database.main(), "x").expect("written");
        database.set_aside(".old").expect_err("nothing is replaced");
    }
}
