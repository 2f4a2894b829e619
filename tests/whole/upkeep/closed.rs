//! What an instance and its commands leave on a disk is their user's alone, whatever the umask is that
//! they were started with, and whatever an older version or a copy left open.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::db::Db;
use crate::support::process::{Process, binary};
use crate::support::{Ran, Shell};

/// A folder with a database of its own, in which each program begins with an umask that lets all.
struct Site {
    shell: Shell,
    db: Db,
}

impl Site {
    fn new(db: &Db) -> Self {
        let shell = Shell::new();
        let db = db.at(&shell.path("data/chat.db"));
        let settings = json!({
            "instance_id": "one", "tcp_port": 0, "http_port": 0, "db_url": db.url,
            "retention": { "schedule": "off" }, "archive": { "schedule": "off" },
        });
        fs::write(shell.path("one.json"), settings.to_string()).unwrap();
        Self { shell, db }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.shell.command_of("sh", "");
        command
            .args(["-c", "umask 000; exec \"$0\" \"$@\"", &binary()])
            .args(line.split_whitespace())
            .args(["--config", "one.json"]);
        command
    }

    async fn run(&self, line: &str) -> Ran {
        let mut command = self.command(line);
        command.args(["-o", "json"]);
        Ran::of(command).await
    }

    /// As `start` does it, with its log in a file.
    async fn serve(&self) -> Process {
        Process::start(self.command("serve --background")).await
    }

    /// All that lies there but the configuration, and its mode.
    fn all(&self) -> Vec<(String, u32)> {
        let root = self.shell.folder.path();
        let mut found = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let mode = mode(&path);
                if path.is_dir() {
                    folders.push(path.clone());
                }
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push((name, mode));
            }
        }
        found.retain(|(name, _)| name != "one.json");
        found
    }

    fn open(&self) -> Vec<(String, u32)> {
        let mut open = self.all();
        open.retain(|(_, mode)| mode & 0o077 != 0);
        open
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) async fn whatever_is_made_is_its_users_alone(db: Db) {
    let site = Site::new(&db);
    let server = site.serve().await;
    let say = "INSERT INTO users (id, nickname) VALUES (1, 'alice');
        INSERT INTO rooms (id, name, last_seq) VALUES (1, 'attic', 1);
        INSERT INTO messages (room_id, seq, user_id, content, created_at)
          VALUES (1, 1, 1, 'a secret', '2024-01-20T00:00:00.000Z')";
    site.db.sql(say).await;
    for line in [
        "archive run",
        "backup --to copy.db",
        "jobs run backup",
        "config init new.json",
        "doctor --bundle support.tar",
    ] {
        let command = if line.starts_with("config") {
            let mut command = site.shell.command_of("sh", "");
            command.args([
                "-c",
                "umask 000; exec \"$0\" config init new.json",
                &binary(),
            ]);
            command
        } else {
            site.command(line)
        };
        let ran = Ran::of(command).await;
        assert!(matches!(ran.code, Some(0..=2)), "{line}: {ran:?}");
    }
    assert_eq!(site.open(), []);
    let names: Vec<String> = site.all().into_iter().map(|(name, _)| name).collect();
    let has = |end: &str| names.iter().any(|name| name.ends_with(end));
    for end in [
        "chat.db",
        "chat.db-wal",
        "chat.db-shm",
        "one.sock",
        "one.lock",
        "run/one.json",
        "one.log",
        "attic_1-1.json",
        "manifest.json",
        "copy.db",
        "copy.db.json",
        "new.json",
        "support.tar",
    ] {
        assert!(has(end), "no {end} in {names:?}");
    }
    let scheduled = |name: &String| name.starts_with("backup/discordctl-");
    assert_eq!(
        names.iter().filter(|name| scheduled(name)).count(),
        2,
        "{names:?}"
    );
    assert_eq!(server.terminate().await, Some(0));

    let opened = Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(site.shell.path("."))
        .status();
    assert!(opened.unwrap().success());
    let found = site.run("doctor").await.json();
    let checks = found["checks"].as_array().unwrap().iter();
    let named: Vec<&str> = checks
        .filter(|check| check["check"] == "permissions")
        .filter(|check| check["fix"].as_str().unwrap().contains("chmod"))
        .map(|check| check["on"].as_str().unwrap())
        .collect();
    let server = site.serve().await;
    let own = [
        "data/chat.db",
        "data/run",
        "data/log",
        "data/log/one.log",
        "archive/rooms",
        "archive/manifest.json",
    ];
    for path in own {
        let is_named = named.iter().any(|on| Path::new(on).ends_with(path));
        assert!(is_named, "{path} in {named:?}");
        assert_eq!(mode(&site.shell.path(path)) & 0o077, 0, "{path}");
    }
    let log = fs::read_to_string(site.shell.path("data/log/one.log")).unwrap();
    assert_eq!(
        log.matches("they are closed to them now").count(),
        1,
        "{log}"
    );
    assert_eq!(server.terminate().await, Some(0));
    let server = site.serve().await;
    let log = fs::read_to_string(site.shell.path("data/log/one.log")).unwrap();
    assert_eq!(
        log.matches("they are closed to them now").count(),
        1,
        "{log}"
    );
    assert_eq!(server.terminate().await, Some(0));
}
