//! An embedded database is more than one file: none of them is forgotten, read as another's, or
//! written to where it is not looked for.
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::db::Db;
use crate::support::need::left_out;
use crate::support::process::{Process, binary};
use crate::support::{Ran, Shell};

const SERVE: &str = "serve --tcp-port 0 --http-port 0";

/// A folder with a database of its own.
struct Site {
    shell: Shell,
    db: Db,
    file: PathBuf,
}

impl Site {
    fn new(db: &Db) -> Self {
        let shell = Shell::new();
        let file = shell.path("data/chat.db");
        let db = db.at(&file);
        let shell = shell.with("DISCORDCTL_DB_URL", &db.url);
        Self { shell, db, file }
    }

    async fn serve(&self, name: &str) -> Process {
        self.shell.serve(name, &[]).await
    }

    async fn run(&self, line: &str) -> Ran {
        self.shell.run(line).await
    }

    /// Beside the servers, as an operator types it.
    async fn say(&self, what: &str) {
        let sql = format!(
            "INSERT OR IGNORE INTO users (id, nickname) VALUES (1, 'alice');
             INSERT OR IGNORE INTO rooms (id, name) VALUES (1, 'attic');
             UPDATE rooms SET last_seq = last_seq + 1 WHERE id = 1;
             INSERT INTO messages (room_id, seq, user_id, content)
               SELECT 1, last_seq, 1, '{what}' FROM rooms WHERE id = 1"
        );
        self.db.sql(&sql).await;
    }

    /// What a database beside it holds.
    async fn said(&self, name: &str) -> Vec<String> {
        let query = "SELECT content FROM messages ORDER BY seq";
        self.db.at(&self.shell.path(name)).texts(query).await
    }

    /// Serves, says one thing, and makes a backup `copy` of it.
    async fn backed_up(db: &Db) -> (Self, Process) {
        let site = Self::new(db);
        let server = site.serve("one").await;
        site.say("one").await;
        site.run("backup --to copy").await.exits(0);
        (site, server)
    }

    /// All that lies where the database is, but the folders of instances.
    fn names(&self) -> Vec<String> {
        let files = fs::read_dir(self.shell.path("data")).unwrap().flatten();
        let files = files.filter(|entry| entry.file_type().unwrap().is_file());
        let names = files.map(|entry| entry.file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// What a script does that mounts a file system in a namespace of its own, where this user may.
    fn mounting(&self, script: &str) -> std::process::Output {
        Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", script])
            .current_dir(self.shell.folder.path())
            .output()
            .unwrap()
    }
}

pub(crate) async fn a_log_left_behind_is_never_played_over_another(db: Db) {
    let (site, server) = Site::backed_up(&db).await;
    site.say("two").await;
    drop(server);
    let old = site.shell.path("old.db");
    fs::rename(&site.file, &old).unwrap();
    // What would make a new database here would delete the log of the old one.
    for line in [SERVE, "migrate up", "jobs list", "migrate status"] {
        site.run(line).await.exits(65).says("-wal");
    }
    let report = site.run("restore copy --yes").await.well();
    assert_eq!(site.said("data/chat.db").await, ["one"]);
    // And nothing of the old one is lost.
    let aside = report["set_aside"][0].as_str().unwrap();
    assert!(aside.ends_with("-wal"), "{report}");
    let aside = site.shell.path(aside);
    fs::rename(aside, format!("{}-wal", old.display())).unwrap();
    assert_eq!(site.said("old.db").await, ["one", "two"]);
}

pub(crate) async fn a_main_file_that_was_replaced_is_not_destroyed(db: Db) {
    let (site, server) = Site::backed_up(&db).await;
    for n in 0..20 {
        site.say(&format!("{n} {}", "x".repeat(2_000))).await;
    }
    drop(server);
    let copy = site.shell.path("copy");
    fs::copy(&copy, &site.file).unwrap();
    site.run(SERVE).await.exits(65).says("damaged-database");
    site.run("restore copy --yes").await.exits(65);
    let kept = fs::read(&site.file).unwrap() == fs::read(&copy).unwrap();
    assert!(kept, "to look changes nothing");
    site.run("restore copy --yes --set-aside").await.exits(0);
    assert_eq!(site.said("data/chat.db").await, ["one"]);
    assert!(!site.shell.path("data/chat.db-wal").exists());
}

pub(crate) async fn what_is_set_aside_is_whole(db: Db) {
    let (site, server) = Site::backed_up(&db).await;
    drop(server);
    site.say("two").await;
    site.run("restore copy --yes").await.exits(73);
    let restore = "restore copy --yes --set-aside";
    site.shell.killed(restore, "restore:cleared").await;
    site.run(restore).await.exits(0);
    assert_eq!(site.said("data/chat.db").await, ["one"]);
    let aside = site.names().into_iter().find(|n| n.contains(".before-"));
    let aside = format!("data/{}", aside.unwrap());
    assert_eq!(site.said(&aside).await, ["one", "two"]);
}

pub(crate) async fn clean_stops_leave_one_file(db: Db) {
    let site = Site::new(&db);
    let mut expected = Vec::new();
    for round in 0..6 {
        let mut servers = Vec::new();
        for name in ["one", "two", "three"] {
            servers.push(site.serve(name).await);
        }
        let text = format!("round {round}");
        site.say(&text).await;
        expected.push(text);
        for server in &servers {
            server.signal(rustix::process::Signal::TERM);
        }
        for server in servers {
            assert_eq!(server.ends().await, Some(0));
        }
        assert_eq!(site.names(), ["chat.db"], "round {round}");
        let copy = format!("copy-{round}.db");
        fs::copy(&site.file, site.shell.path(&copy)).unwrap();
        let alone = site.said(&copy).await;
        assert_eq!(alone, expected, "the main file alone has all");
    }
    for line in ["migrate status", "jobs list", "storage", "health", "doctor"] {
        site.run(line).await;
        assert_eq!(site.names(), ["chat.db"], "after {line}");
    }
}

pub(crate) async fn what_is_open_is_in_use_wherever_its_files_are(db: Db) {
    let (site, server) = Site::backed_up(&db).await;
    let moved = site.shell.path("moved.db");
    fs::rename(&site.file, &moved).unwrap();
    std::os::unix::fs::symlink("data", site.shell.path("link")).unwrap();
    let pid = server.pid().to_string();
    for url in [
        &*site.db.url,
        "sqlite://link/chat.db",
        "sqlite://data/../data/chat.db",
    ] {
        let restore = format!("restore copy --yes --set-aside --db-url {url}");
        site.run(&restore).await.exits(75).says(&pid);
    }
    // Its newest messages are in a log that lies elsewhere.
    let away = "backup --to other --db-url sqlite://moved.db";
    site.run(away).await.exits(75);
    fs::rename(&moved, &site.file).unwrap();
    drop(server);
    site.run("restore copy --yes --set-aside").await.exits(0);
}

pub(crate) async fn a_copied_database_is_no_backup_without_its_log(db: Db) {
    let site = Site::new(&db);
    let server = site.serve("one").await;
    site.say("one").await;
    fs::create_dir(site.shell.path("snap")).unwrap();
    for name in ["chat.db", "chat.db-wal"] {
        let place = |folder: &str| site.shell.path(folder).join(name);
        fs::copy(place("data"), place("snap")).unwrap();
    }
    drop(server);
    for line in [
        "backup verify snap/chat.db",
        "backup verify snap/chat.db --restore-drill",
        "restore snap/chat.db --yes --db-url sqlite://other.db",
    ] {
        site.run(line).await.exits(65).says("chat.db-wal");
    }
    // As a database it is read with its log, also where nothing can be written.
    let url = "sqlite://snap/chat.db";
    let program = binary();
    let unshared = site.mounting(&format!(
        "mount --bind snap snap && mount -o remount,ro,bind snap &&
         '{program}' backup --to whole --db-url {url} && ! '{program}' jobs list --db-url {url}"
    ));
    if site.shell.path("whole").exists() {
        assert!(unshared.status.success(), "{unshared:?}");
    } else {
        let why = String::from_utf8_lossy(&unshared.stderr);
        assert!(why.contains("unshare:") || why.contains("mount:"), "{why}");
        left_out("root", "this user cannot mount in a namespace of its own");
        let backup = format!("backup --to whole --db-url {url}");
        site.run(&backup).await.exits(0);
    }
    assert_eq!(site.said("whole").await, ["one"]);
}

pub(crate) async fn a_full_disk_can_be_looked_at_and_backed_up(db: Db) {
    let site = Site::new(&db);
    let server = site.serve("one").await;
    site.say("one").await;
    assert_eq!(server.terminate().await, Some(0));
    let program = binary();
    let url = "sqlite://disk/chat.db";
    let unshared = site.mounting(&format!(
        "mkdir disk && mount -t tmpfs -o size=1m none disk && echo mounted &&
         cp data/chat.db disk/ && (cat /dev/zero > disk/filler || true) &&
         '{program}' storage --db-url {url}; echo storage $? &&
         '{program}' backup --to whole --db-url {url}"
    ));
    let out = String::from_utf8_lossy(&unshared.stdout);
    if !out.contains("mounted") {
        return left_out("root", "this user cannot mount in a namespace of its own");
    }
    // Critical, since the disk is full.
    let judged = out.contains("storage 2") && out.contains("messages");
    assert!(judged, "{out}");
    let why = String::from_utf8_lossy(&unshared.stderr);
    assert!(unshared.status.success(), "{why}");
    assert_eq!(site.said("whole").await, ["one"]);
}

pub(crate) async fn what_root_leaves_is_its_users(db: Db) {
    use std::os::unix::fs::{MetadataExt, chown};
    let (site, server) = Site::backed_up(&db).await;
    drop(server);
    if chown(site.shell.path("data"), Some(65_534), None).is_err() {
        return left_out("root", "this user cannot give a folder away");
    }
    for line in ["restore copy --yes --set-aside", "migrate up"] {
        site.run(line).await.exits(0);
        assert_eq!(fs::metadata(&site.file).unwrap().uid(), 65_534, "{line}");
        fs::remove_file(&site.file).unwrap();
    }
}

pub(crate) async fn each_cause_has_its_own_answer(db: Db) {
    let site = Site::new(&db);
    let path = |name: &str| site.shell.path(name);
    fs::write(path("text.db"), "this is no database at all, but text").unwrap();
    fs::create_dir(path("folder.db")).unwrap();
    let fifo = Command::new("mkfifo").arg(path("fifo.db")).status();
    assert!(fifo.unwrap().success());
    for (url, code, says) in [
        ("sqlite://text.db", 65, "not a database"),
        ("sqlite://folder.db", 78, "is a folder"),
        ("sqlite://fifo.db", 78, "no regular file"),
        ("sqlite::memory:", 78, "gone with its process"),
        ("sqlite://", 78, "the path of a file"),
        ("sqlite://a.db?mode=memory", 78, "gone with its process"),
    ] {
        for line in [SERVE, "migrate up", "jobs list", "backup --to copy"] {
            let refused = site.run(&format!("{line} --db-url {url}")).await;
            let refused = refused.exits(code).says(says);
            assert!(!refused.stderr.contains("database runs"), "{refused:?}");
        }
    }
    let spaced = [("DISCORDCTL_DB_URL", "sqlite://my chat/x.db")];
    let made = site.shell.run_with("migrate up", &spaced).await;
    made.exits(0);
    assert!(path("my chat/x.db").exists());
}

pub(crate) async fn a_backup_writes_only_what_is_its_own(db: Db) {
    let site = Site::new(&db);
    drop(site.serve("one").await);
    let path = |name: &str| site.shell.path(name);
    fs::write(path("mine"), "mine").unwrap();
    std::os::unix::fs::symlink("mine", path("copy.partial")).unwrap();
    fs::write(path("other.json"), "mine").unwrap();
    for (to, code) in [("copy", 73), ("other", 73), ("-", 64), ("data", 73)] {
        site.run(&format!("backup --to {to}")).await.exits(code);
    }
    for name in ["mine", "other.json"] {
        assert_eq!(fs::read_to_string(path(name)).unwrap(), "mine");
    }
    assert!(!path("-").exists() && !path("other").exists());
}
