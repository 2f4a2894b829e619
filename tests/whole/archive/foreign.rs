//! What replay believes of documents that others made: nothing that would do harm later.
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::archive::operator::Operator;
use crate::support::db::{Db, Kind};

/// What is held in memory at most.
const MOST: u64 = 64 << 20;

fn message(id: i64, minute: u32) -> Value {
    json!({"id": id, "user": "carol", "content": "hello",
        "created_at": format!("2023-01-10T00:{minute:02}:00Z")})
}

fn document(room: &str, messages: &[Value]) -> Value {
    json!({"room": room, "messages": messages})
}

fn with(key: &str, value: Value) -> Value {
    let mut message = message(100, 0);
    message[key] = value;
    message
}

fn save(operator: &Operator, name: &str, text: &str) {
    std::fs::write(operator.folder.path().join(name), text).unwrap();
}

pub(crate) async fn what_would_do_harm_is_refused(db: Db) {
    let operator = Operator::new(db).await;
    let beyond = 1_i64 << 53;
    let long = "n".repeat(33);
    for (what, room, messages) in [
        ("id", "new", vec![with("id", i64::MAX.into())]),
        ("id", "new", vec![with("id", beyond.into())]),
        ("id", "new", vec![with("id", 0.into())]),
        ("seq", "new", vec![with("seq", i64::MAX.into())]),
        ("seq", "new", vec![with("seq", beyond.into())]),
        ("newest first", "new", vec![message(1, 2), message(2, 1)]),
        (
            "order",
            "new",
            vec![with("seq", 2.into()), {
                let mut second = message(101, 1);
                second["seq"] = 1.into();
                second
            }],
        ),
        ("NUL", "new", vec![with("content", "a\0b".into())]),
        ("user", "new", vec![with("user", "two words".into())]),
        ("user", "new", vec![with("user", long.as_str().into())]),
        ("room", "two words", vec![message(1, 0)]),
        ("room", "headcount", vec![message(1, 0)]),
        ("room", &"r".repeat(65), vec![message(1, 0)]),
        ("string id", "new", vec![with("id", "7f3a".into())]),
        ("float id", "new", vec![with("id", 1.5.into())]),
        ("number as content", "new", vec![with("content", 5.into())]),
        (
            "no time",
            "new",
            vec![with("created_at", 1_673_308_800.into())],
        ),
    ] {
        save(
            &operator,
            "bad.json",
            &document(room, &messages).to_string(),
        );
        let refused = operator.run(&["replay", "bad.json"]).exits(65);
        let problem: Value = serde_json::from_str(&refused.stderr).unwrap();
        assert_eq!(problem["code"], "foreign_document", "{what}: {problem}");
        assert!(operator.stands().await.is_empty(), "{what} wrote something");
    }
    // What is cut off is damaged, and not foreign.
    let whole = document("new", &[message(1, 0)]).to_string();
    save(&operator, "bad.json", &whole[..whole.len() / 2]);
    let refused = operator.run(&["replay", "bad.json"]).exits(65);
    assert!(
        refused.stderr.contains("bad_document"),
        "{}",
        refused.stderr
    );
    // Two that are good each, and not together: neither is written.
    save(
        &operator,
        "one.json",
        &document("one", &[message(1, 0), message(9, 1)]).to_string(),
    );
    save(
        &operator,
        "two.json",
        &document("two", &[message(5, 0), message(9, 1)]).to_string(),
    );
    let refused = operator.run(&["replay", "one.json", "two.json"]).exits(65);
    assert!(refused.stderr.contains("the id 9"), "{}", refused.stderr);
    assert!(operator.stands().await.is_empty());
    operator.run(&["replay", "one.json"]).well();
    assert_eq!(operator.stands().await, ["one 2 0"]);
}

pub(crate) async fn only_files_are_opened(db: Db) {
    let operator = Operator::new(db).await;
    let folder = operator.folder.path().join("documents");
    std::fs::create_dir(&folder).unwrap();
    save(
        &operator,
        "documents/good.json",
        &document("new", &[message(1, 0)]).to_string(),
    );
    let fifo = |name: &str| {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join(name))
            .status();
        assert!(made.unwrap().success());
    };
    fifo("manifest.json");
    operator.run(&["replay", "documents"]).well();
    fifo("pipe.json");
    for name in ["documents", "documents/pipe.json", "/dev/zero"] {
        let begun = Instant::now();
        let refused = operator.run(&["replay", name]).exits(65);
        assert!(refused.stderr.contains("no file"), "{}", refused.stderr);
        assert!(begun.elapsed() < Duration::from_secs(10), "{name} hangs");
    }
}

/// A folder that others may write to: what its manifest names is a FIFO by now.
pub(crate) async fn only_files_of_the_archive_are_opened(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 100).await;
    operator.run(&["archive"]).well();
    let archive = operator.folder.path().join("archive");
    let manifest = std::fs::read_to_string(archive.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let document = manifest["files"][0]["path"].as_str().unwrap();
    std::fs::remove_file(archive.join(document)).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(archive.join(document))
        .status();
    assert!(made.unwrap().success());
    for (args, code) in [(["archive", "verify"], 2), (["replay", "archive"], 65)] {
        let begun = Instant::now();
        let refused = operator.run(&args).exits(code);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains("a FIFO, and no file"), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{args:?} hangs");
    }
}

/// So many messages, a line each, of which `line` makes the text.
fn large(lines: u64, line: impl Fn(u64) -> String) -> Vec<u8> {
    let mut pack = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    write!(pack, "{{\"room\":\"new\",\"messages\":[").unwrap();
    for n in 0..lines {
        let comma = if n > 0 { "," } else { "" };
        writeln!(pack, "{comma}{}", line(n)).unwrap();
    }
    write!(pack, "]}}").unwrap();
    pack.finish().unwrap()
}

pub(crate) async fn its_memory_is_bounded_whatever_it_reads(db: Db) {
    if db.kind == Kind::Postgres {
        return;
    }
    let operator = Operator::new(db).await;
    let told = |id: u64, content: &str| {
        format!(
            "{{\"id\":{id},\"user\":\"a\",\"content\":\"{content}\",\
             \"created_at\":\"2023-01-10T00:00:00Z\"}}"
        )
    };
    let many = 2_000_001;
    let long = "x".repeat(3 << 20);
    for (what, bytes, code) in [
        ("descending", large(400_000, |n| told(400_000 - n, "")), 0),
        ("too many", large(many, |n| told(many - n, "")), 65),
        ("long", large(12, |n| told(n + 1, &long)), 0),
        ("endless", large(1, |_| told(1, &"x".repeat(64 << 20))), 65),
    ] {
        std::fs::write(operator.folder.path().join("big.json.zst"), bytes).unwrap();
        let mut command = operator.command(&["replay", "big.json.zst", "--dry-run"]);
        let ended = watched(&mut command);
        assert_eq!(ended.0, Some(code), "{what}");
        assert!(ended.1 < MOST, "{what}: {} MiB", ended.1 >> 20);
    }
}

/// The exit code, and the most memory that was resident, as the kernel has it.
fn watched(command: &mut std::process::Command) -> (Option<i32>, u64) {
    let mut child = command.process_group(0).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        most = most.max(kb.unwrap_or(0_u64) << 10);
        if let Some(ended) = child.try_wait().unwrap() {
            return (ended.code(), most);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
