//! What replay believes of documents that others made: nothing that would do harm later.
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::archive::operator::Operator;
use crate::support::db::Db;

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
    std::fs::write(operator.path(name), text).unwrap();
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
        let problem = operator.run("replay bad.json").await.exits(65).problem();
        assert_eq!(problem["code"], "foreign_document", "{what}: {problem}");
        assert!(operator.stands().await.is_empty(), "{what} wrote something");
    }
    // What is cut off is damaged, and not foreign.
    let whole = document("new", &[message(1, 0)]).to_string();
    save(&operator, "bad.json", &whole[..whole.len() / 2]);
    let refused = operator.run("replay bad.json").await;
    refused.exits(65).says("bad_document");
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
    let refused = operator.run("replay one.json two.json").await;
    refused.exits(65).says("the id 9");
    assert!(operator.stands().await.is_empty());
    operator.run("replay one.json").await.well();
    assert_eq!(operator.stands().await, ["one 2 0"]);
}

/// What gives nothing, and hangs whatever reads it.
fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

pub(crate) async fn only_files_are_opened(db: Db) {
    let operator = Operator::new(db).await;
    let folder = operator.path("documents");
    std::fs::create_dir(&folder).unwrap();
    save(
        &operator,
        "documents/good.json",
        &document("new", &[message(1, 0)]).to_string(),
    );
    fifo(&folder.join("manifest.json"));
    operator.run("replay documents").await.well();
    fifo(&folder.join("pipe.json"));
    for name in ["documents", "documents/pipe.json", "/dev/zero"] {
        let refused = operator.run(&format!("replay {name}")).await;
        refused.exits(65).says("no file");
    }
}

/// A folder that others may write to: what its manifest names is a FIFO by now.
pub(crate) async fn only_files_of_the_archive_are_opened(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 100).await;
    operator.run("archive").await.well();
    let archive = operator.path("archive");
    let manifest = std::fs::read_to_string(archive.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let document = manifest["files"][0]["path"].as_str().unwrap();
    std::fs::remove_file(archive.join(document)).unwrap();
    fifo(&archive.join(document));
    for (line, code) in [("archive verify", 2), ("replay archive", 65)] {
        let refused = operator.run(line).await.exits(code);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains("a FIFO, and no file"), "{said}");
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
        std::fs::write(operator.path("big.json.zst"), bytes).unwrap();
        let mut command = operator.command("replay big.json.zst --dry-run");
        let ended = watched(&mut command);
        assert_eq!(ended.0, Some(code), "{what}");
        assert!(ended.1 < MOST, "{what}: {} MiB", ended.1 >> 20);
    }
}

/// The exit code, and the most memory that was resident, as the kernel has it.
fn watched(command: &mut Command) -> (Option<i32>, u64) {
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
