//! An embedded database is more than one file: none of them is forgotten, read as another's, or
//! written to where nobody finds it.
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::support::Ran;
use crate::support::db::Db;
use crate::support::need::left_out;
use crate::support::process::Process;
use crate::upkeep::program::Program;

/// A folder with a database of its own.
struct Site {
    program: Program,
    file: PathBuf,
}

impl Site {
    fn new(db: &Db) -> Self {
        let mut program = Program::on(db);
        let file = program.path("data").join("chat.db");
        program.url = format!("sqlite://{}", file.display());
        Self { program, file }
    }

    async fn serve(&self, name: &str) -> Process {
        self.program.serve(name, &[]).await
    }

    async fn run(&self, args: &[&str]) -> Ran {
        self.program.run(args).await
    }

    /// Beside the servers, as an operator types it.
    async fn sql(&self, file: &Path, sql: &str) {
        let mut connection = open(file).await;
        let done = sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await;
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
        connection.close().await.unwrap();
    }

    async fn say(&self, what: &str) {
        let sql = format!(
            "INSERT OR IGNORE INTO users (id, nickname) VALUES (1, 'alice');
             INSERT OR IGNORE INTO rooms (id, name) VALUES (1, 'attic');
             UPDATE rooms SET last_seq = last_seq + 1 WHERE id = 1;
             INSERT INTO messages (room_id, seq, user_id, content)
               SELECT 1, last_seq, 1, '{what}' FROM rooms WHERE id = 1"
        );
        self.sql(&self.file, &sql).await;
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.file.display()))
    }

    /// All that lies where the database is, but the folders of instances.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.file.parent().unwrap()).unwrap();
        let files = entries.map(|entry| entry.unwrap());
        let files = files.filter(|entry| entry.file_type().unwrap().is_file());
        let mut names: Vec<String> = files
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file);
    let options = options.busy_timeout(std::time::Duration::from_secs(10));
    options.connect().await.unwrap()
}

async fn said(file: &Path) -> Vec<String> {
    let mut connection = open(file).await;
    let said = sqlx::query_scalar("SELECT content FROM messages ORDER BY seq")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    said
}

pub(crate) async fn a_log_left_behind_is_never_played_over_another(db: Db) {
    let site = Site::new(&db);
    let server = site.serve("one").await;
    site.say("one").await;
    let backup = site.program.path("copy");
    let backup = backup.to_str().unwrap();
    assert_eq!(site.run(&["backup", "--to", backup]).await.code, Some(0));
    site.say("two").await;
    drop(server);
    let old = site.program.path("old.db");
    std::fs::rename(&site.file, &old).unwrap();
    // What would make a new database here would delete the log of the old one.
    for args in [
        &["serve", "--tcp-port", "0", "--http-port", "0"][..],
        &["migrate", "up"],
        &["jobs", "list"],
        &["migrate", "status"],
    ] {
        let refused = site.run(args).await;
        assert_eq!(refused.code, Some(65), "{args:?}: {refused:?}");
        assert!(refused.stderr.contains("-wal"), "{args:?}: {refused:?}");
    }
    let restored = site.run(&["restore", backup, "--yes"]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(said(&site.file).await, ["one"]);
    // And nothing of the old one is lost.
    let report = restored.json();
    let aside = report["set_aside"][0].as_str().unwrap();
    assert!(aside.ends_with("-wal"), "{restored:?}");
    std::fs::rename(aside, format!("{}-wal", old.display())).unwrap();
    assert_eq!(said(&old).await, ["one", "two"]);
}

pub(crate) async fn a_main_file_that_was_replaced_is_not_destroyed(db: Db) {
    let site = Site::new(&db);
    let server = site.serve("one").await;
    site.say("one").await;
    let backup = site.program.path("copy");
    let name = backup.to_str().unwrap();
    assert_eq!(site.run(&["backup", "--to", name]).await.code, Some(0));
    for n in 0..20 {
        site.say(&format!("{n} {}", "x".repeat(2_000))).await;
    }
    drop(server);
    std::fs::copy(&backup, &site.file).unwrap();
    let serve = ["serve", "--tcp-port", "0", "--http-port", "0"];
    let refused = site.run(&serve).await;
    assert_eq!(refused.code, Some(65), "{refused:?}");
    assert!(refused.stderr.contains("restore-backup"), "{refused:?}");
    let refused = site.run(&["restore", name, "--yes"]).await;
    assert_eq!(refused.code, Some(65), "{refused:?}");
    let kept = std::fs::read(&site.file).unwrap() == std::fs::read(&backup).unwrap();
    assert!(kept, "to look changes nothing");
    let restored = site.run(&["restore", name, "--yes", "--set-aside"]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(said(&site.file).await, ["one"]);
    assert!(!site.beside("-wal").exists());
}

pub(crate) async fn what_is_set_aside_is_whole(db: Db) {
    let site = Site::new(&db);
    drop(site.serve("one").await);
    site.say("one").await;
    let backup = site.program.path("copy");
    let backup = backup.to_str().unwrap();
    assert_eq!(site.run(&["backup", "--to", backup]).await.code, Some(0));
    site.say("two").await;
    let full = site.run(&["restore", backup, "--yes"]).await;
    assert_eq!(full.code, Some(73), "{full:?}");
    let killed = site
        .program
        .run_with(
            &["restore", backup, "--yes", "--set-aside"],
            &[("DISCORDCTL_TEST_FAULT", "restore:cleared")],
        )
        .await;
    assert_eq!(killed.code, None, "{killed:?}");
    let done = site.run(&["restore", backup, "--yes", "--set-aside"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(said(&site.file).await, ["one"]);
    let aside = site.names().into_iter().find(|n| n.contains(".before-"));
    let aside = site.file.with_file_name(aside.unwrap());
    assert_eq!(said(&aside).await, ["one", "two"]);
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
        let copy = site.program.path(&format!("copy-{round}.db"));
        std::fs::copy(&site.file, &copy).unwrap();
        assert_eq!(said(&copy).await, expected, "the main file alone has all");
    }
    for args in [
        &["migrate", "status"][..],
        &["jobs", "list"],
        &["storage"],
        &["health"],
        &["doctor"],
    ] {
        site.run(args).await;
        assert_eq!(site.names(), ["chat.db"], "after {args:?}");
    }
}

pub(crate) async fn what_is_open_is_in_use_wherever_its_files_are(db: Db) {
    let site = Site::new(&db);
    let server = site.serve("one").await;
    site.say("one").await;
    let backup = site.program.path("copy");
    let backup = backup.to_str().unwrap();
    assert_eq!(site.run(&["backup", "--to", backup]).await.code, Some(0));
    let moved = site.program.path("moved.db");
    std::fs::rename(&site.file, &moved).unwrap();
    let link = site.program.path("link");
    std::os::unix::fs::symlink("data", &link).unwrap();
    let through = format!("sqlite://{}", link.join("chat.db").display());
    for url in [&site.program.url, &through, "sqlite://data/../data/chat.db"] {
        let args = ["restore", backup, "--yes", "--set-aside", "--db-url", url];
        let refused = site.run(&args).await;
        assert_eq!(refused.code, Some(75), "{url}: {refused:?}");
        let pid = server.pid().to_string();
        assert!(refused.stderr.contains(&pid), "{url}: {refused:?}");
    }
    // Its newest messages are in a log that lies elsewhere.
    let away = format!("sqlite://{}", moved.display());
    let refused = site
        .run(&["backup", "--to", "other", "--db-url", &away])
        .await;
    assert_eq!(refused.code, Some(75), "{refused:?}");
    std::fs::rename(&moved, &site.file).unwrap();
    drop(server);
    let done = site.run(&["restore", backup, "--yes", "--set-aside"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
}

pub(crate) async fn a_copied_database_is_no_backup_without_its_log(db: Db) {
    let site = Site::new(&db);
    let server = site.serve("one").await;
    site.say("one").await;
    let snap = site.program.path("snap");
    std::fs::create_dir(&snap).unwrap();
    for suffix in ["", "-wal"] {
        let to = snap.join(format!("chat.db{suffix}"));
        std::fs::copy(site.beside(suffix), to).unwrap();
    }
    drop(server);
    let other = format!("sqlite://{}", site.program.path("other.db").display());
    for args in [
        &["backup", "verify", "snap/chat.db"][..],
        &["backup", "verify", "snap/chat.db", "--restore-drill"],
        &["restore", "snap/chat.db", "--yes", "--db-url", &other],
    ] {
        let refused = site.run(args).await;
        assert_eq!(refused.code, Some(65), "{args:?}: {refused:?}");
        assert!(refused.stderr.contains("chat.db-wal"), "{refused:?}");
    }
    // As a database it is read with its log, also where nothing can be written.
    let url = "sqlite://snap/chat.db";
    let program = env!("CARGO_BIN_EXE_discordctl");
    let script = format!(
        "mount --bind snap snap && mount -o remount,ro,bind snap &&
         '{program}' backup --to whole --db-url {url} && ! '{program}' jobs list --db-url {url}"
    );
    let unshared = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .current_dir(site.program.folder.path())
        .output()
        .unwrap();
    if !site.program.path("whole").exists() {
        let why = String::from_utf8_lossy(&unshared.stderr);
        assert!(why.contains("unshare:") || why.contains("mount:"), "{why}");
        left_out("root", "this user cannot mount in a namespace of its own");
        let made = site
            .run(&["backup", "--to", "whole", "--db-url", url])
            .await;
        assert_eq!(made.code, Some(0), "{made:?}");
    } else {
        assert!(unshared.status.success(), "{unshared:?}");
    }
    assert_eq!(said(&site.program.path("whole")).await, ["one"]);
}

pub(crate) async fn a_full_disk_can_be_looked_at_and_backed_up(db: Db) {
    let site = Site::new(&db);
    let server = site.serve("one").await;
    site.say("one").await;
    assert_eq!(server.terminate().await, Some(0));
    let program = env!("CARGO_BIN_EXE_discordctl");
    let url = "sqlite://disk/chat.db";
    let script = format!(
        "mkdir disk && mount -t tmpfs -o size=1m none disk && echo mounted &&
         cp data/chat.db disk/ && (cat /dev/zero > disk/filler || true) &&
         '{program}' storage --db-url {url}; echo storage $? &&
         '{program}' backup --to whole --db-url {url}"
    );
    let unshared = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .current_dir(site.program.folder.path())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&unshared.stdout);
    if !out.contains("mounted") {
        return left_out("root", "this user cannot mount in a namespace of its own");
    }
    // Critical, since the disk is full.
    assert!(
        out.contains("storage 2") && out.contains("messages"),
        "{out}"
    );
    let why = String::from_utf8_lossy(&unshared.stderr);
    assert!(unshared.status.success(), "{why}");
    assert_eq!(said(&site.program.path("whole")).await, ["one"]);
}

pub(crate) async fn what_root_leaves_is_its_users(db: Db) {
    use std::os::unix::fs::{MetadataExt, chown};
    let site = Site::new(&db);
    drop(site.serve("one").await);
    let copy = site.program.path("copy");
    let copy = copy.to_str().unwrap();
    assert_eq!(site.run(&["backup", "--to", copy]).await.code, Some(0));
    let folder = site.file.parent().unwrap();
    if chown(folder, Some(65_534), None).is_err() {
        return left_out("root", "this user cannot give a folder away");
    }
    let restore = ["restore", copy, "--yes", "--set-aside"];
    for args in [&restore[..], &["migrate", "up"]] {
        let done = site.run(args).await;
        assert_eq!(done.code, Some(0), "{args:?}: {done:?}");
        assert_eq!(std::fs::metadata(&site.file).unwrap().uid(), 65_534);
        std::fs::remove_file(&site.file).unwrap();
    }
}

pub(crate) async fn each_cause_has_its_own_answer(db: Db) {
    let site = Site::new(&db);
    let folder = site.program.folder.path();
    std::fs::write(
        folder.join("text.db"),
        "this is no database at all, but text",
    )
    .unwrap();
    std::fs::create_dir(folder.join("folder.db")).unwrap();
    let fifo = Command::new("mkfifo").arg(folder.join("fifo.db")).status();
    assert!(fifo.unwrap().success());
    for (url, code, says) in [
        ("sqlite://text.db", 65, "not a database"),
        ("sqlite://folder.db", 78, "is a folder"),
        ("sqlite://fifo.db", 78, "no regular file"),
        ("sqlite::memory:", 78, "gone with its process"),
        ("sqlite://", 78, "the path of a file"),
        ("sqlite://a.db?mode=memory", 78, "gone with its process"),
    ] {
        for args in [
            &["serve", "--tcp-port", "0", "--http-port", "0"][..],
            &["migrate", "up"],
            &["jobs", "list"],
            &["backup", "--to", "copy"],
        ] {
            let refused = site.run(&[args, &["--db-url", url]].concat()).await;
            assert_eq!(refused.code, Some(code), "{url} {args:?}: {refused:?}");
            assert!(refused.stderr.contains(says), "{url} {args:?}: {refused:?}");
            assert!(!refused.stderr.contains("database runs"), "{refused:?}");
        }
    }
    let spaced = ["migrate", "up", "--db-url", "sqlite://my chat/x.db"];
    assert_eq!(site.run(&spaced).await.code, Some(0));
    assert!(folder.join("my chat/x.db").exists());
}

pub(crate) async fn a_backup_writes_only_what_is_its_own(db: Db) {
    let site = Site::new(&db);
    drop(site.serve("one").await);
    let path = |name: &str| site.program.path(name);
    std::fs::write(path("mine"), "mine").unwrap();
    std::os::unix::fs::symlink("mine", path("copy.partial")).unwrap();
    std::fs::write(path("other.json"), "mine").unwrap();
    for (to, code) in [("copy", 73), ("other", 73), ("-", 64), ("data", 73)] {
        let refused = site.run(&["backup", "--to", to]).await;
        assert_eq!(refused.code, Some(code), "{to}: {refused:?}");
    }
    for name in ["mine", "other.json"] {
        assert_eq!(std::fs::read_to_string(path(name)).unwrap(), "mine");
    }
    assert!(!path("-").exists() && !path("other").exists());
}
