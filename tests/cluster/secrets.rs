//! No secret is in anything that the program prints, logs, answers or writes: canaries are put wherever it is
//! given secrets, many commands are run, well and ill, and all that came of it is searched.
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::client::Lines;
use crate::support::http::{connect, post, request};
use crate::support::postgres::{Postgres, folder};
use crate::support::process::Process;
use crate::support::redis::Server as Redis;
use crate::support::{Ran, Shell, eventually};

const DATABASE: &str = "DatabaseCanary4711";
const REDIS: &str = "RedisCanary4712";
const WRONG: &str = "WrongCanary4713";
const BUCKET: &str = "BucketCanary4714";
const KEY: &str = "TlsKeyCanary4715";
const PERSON: &str = "PersonCanary4716";

/// What was heard, and what must not be in it.
#[derive(Default)]
struct Ears {
    needles: Vec<(String, String)>,
    heard: Vec<(String, String)>,
}

impl Ears {
    /// A secret, in the forms in which it may be carried on: as it is or with other characters
    /// encoded around it, in base64 wherever it begins there, and in hexadecimal digits.
    fn secret(&mut self, secret: &str) {
        let mut needle = |text: String| self.needles.push((secret.to_owned(), text));
        needle(secret.to_lowercase());
        needle(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
        for offset in 0..3 {
            let shifted = [&vec![b'x'; offset], secret.as_bytes()].concat();
            let encoded = BASE64_STANDARD.encode(&shifted);
            // What depends on its neighbours is left out.
            let (begin, end) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
            needle(encoded[begin..end].to_lowercase());
        }
    }

    fn hear(&mut self, source: impl Into<String>, text: &[u8]) {
        let text = String::from_utf8_lossy(text).to_lowercase();
        self.heard.push((source.into(), text));
    }

    /// The sources that tell a secret, and which.
    fn told(&self) -> Vec<String> {
        let of = |(source, text): &(String, String)| {
            let found = self
                .needles
                .iter()
                .find(|(_, needle)| text.contains(needle))?;
            let at = text.find(&found.1)?;
            let around: String = text[..at]
                .chars()
                .rev()
                .take(60)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect();
            Some(format!("{source} tells {}: …{around}<here>", found.0))
        };
        self.heard.iter().filter_map(of).collect()
    }
}

/// A password with its canary among what has to be encoded in a URL, and as it is there.
fn password(canary: &str) -> (String, String) {
    (
        format!("p@:/{canary}#?%"),
        format!("p%40%3A%2F{canary}%23%3F%25"),
    )
}

/// A bucket that refuses everything.
async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 8192];
                let _ = stream.read(&mut head).await;
                let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>";
                let answer = format!(
                    "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

struct Site {
    postgres: Postgres,
    redis: Redis,
    shell: Shell,
    ears: Ears,
}

impl Site {
    async fn new() -> Option<Self> {
        let (postgres, redis) = (Postgres::start().await?, Redis::start()?);
        let mut ears = Ears::default();
        [DATABASE, REDIS, WRONG, BUCKET, KEY, PERSON]
            .iter()
            .for_each(|canary| ears.secret(canary));
        let (plain, encoded) = password(DATABASE);
        let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/postgres-roles.sql");
        postgres.psql(&roles, &[]);
        let owner = format!("postgresql://chat_owner@127.0.0.1:{}/chat", postgres.port);
        let shell = Shell::within(folder());
        let migrate = [("DISCORDCTL_DB_URL", &*owner)];
        shell.run_with("migrate up", &migrate).await.exits(0);
        postgres.ask_for_password("chat", &plain).await;
        let db_url = format!(
            "postgresql://chat:{encoded}@127.0.0.1:{}/chat?application_name=it",
            postgres.port
        );
        let (plain, encoded) = password(REDIS);
        let login = format!(">{plain}");
        redis.ask(&["ACL", "SETUSER", "chat", "on", &login, "~*", "&*", "+@all"]);
        let off = json!("off");
        let settings = json!({
            "instance_id": "one", "tcp_port": 0, "http_port": 0, "db_url": db_url,
            "redis_url": format!("redis://chat:{encoded}@127.0.0.1:{}", redis.port),
            "log": { "level": "trace" }, "drain": { "spread": "50ms" },
            "retention": { "schedule": off }, "archive": { "schedule": off, "url": "s3://bucket/of" },
        });
        fs::write(shell.path("one.json"), settings.to_string()).expect("written");
        let key = format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n");
        fs::write(shell.path("key.pem"), key).expect("written");
        let endpoint = format!("http://{}", refusing().await);
        let shell = shell
            .with("DISCORDCTL_CONFIG", "one.json")
            .with("AWS_ENDPOINT_URL", &endpoint)
            .with("AWS_ACCESS_KEY_ID", "it")
            .with("AWS_SECRET_ACCESS_KEY", BUCKET)
            .with("AWS_REGION", "us-east-1")
            .with("PGPASSWORD", WRONG);
        Some(Self {
            postgres,
            redis,
            shell,
            ears,
        })
    }

    /// Runs each, some at a time, and hears what it says. Whether it succeeds is of no concern here, but
    /// that it ends by itself.
    async fn run(&mut self, runs: Vec<(String, Vec<(&str, &str)>)>) {
        let shell = &self.shell;
        let runs = runs.into_iter().enumerate().map(async |(n, (line, set))| {
            let form = ["table", "json"][n % 2];
            let mut command = shell.command(&format!("{line} -o {form}"));
            command.envs(set);
            let ran = Ran::of(command).await;
            assert!(ran.code.is_some_and(|code| code != 70), "{line}: {ran:?}");
            let said = format!("{}\n{}", ran.stdout, ran.stderr);
            assert!(!said.trim().is_empty(), "{line} says nothing");
            (line, said)
        });
        let said: Vec<_> = stream::iter(runs).buffered(4).collect().await;
        for (line, said) in said {
            self.ears.hear(line, said.as_bytes());
        }
    }

    /// Each of these in both forms.
    async fn run_each(&mut self, lines: &[&str]) {
        let twice = lines.iter().flat_map(|line| [*line; 2]);
        let runs = twice.map(|line| (line.to_owned(), Vec::new()));
        self.run(runs.collect()).await;
    }

    async fn get(&mut self, http: SocketAddr, path: &str) {
        let answer = request(http, "GET", path, None).await.expect("it answers");
        let text = format!("{:?} {}", answer.head, answer.body);
        self.ears.hear(path, text.as_bytes());
    }

    /// What the control socket answers, to what it knows and to nonsense. Its `settings` are left out: they
    /// are for a process of the same user that is to have the very same.
    fn control(&mut self) {
        let socket = self.shell.path("data/run/one.sock");
        for ask in [
            "{\"ask\":\"connections\"}",
            "{\"ask\":\"reload\"}",
            "nonsense",
        ] {
            let mut stream = UnixStream::connect(&socket).expect("it listens");
            stream
                .write_all(format!("{ask}\n").as_bytes())
                .expect("written");
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            self.ears.hear(format!("control {ask}"), &answer);
        }
    }

    /// All files but those in which the secrets were written.
    fn files(&mut self) {
        let mut folders = vec![self.shell.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder)
                .expect("a folder")
                .flatten()
                .map(|entry| entry.path())
            {
                let given = ["one.json", "key.pem", "wrong.json"]
                    .iter()
                    .any(|name| path == self.shell.path(name));
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() && !given {
                    let held = fs::read(&path).expect("readable");
                    self.ears.hear(path.display().to_string(), &held);
                }
            }
        }
    }

    async fn people(&mut self, server: &Process) {
        let session = connect(server.http, "alice").await;
        self.ears.secret(&session);
        for (path, body) in [
            (
                "/api/command",
                json!({ "session_id": session, "command": "/join general" }),
            ),
            (
                "/api/message",
                json!({ "session_id": session, "room": "general", "content": "hello" }),
            ),
            (
                "/api/message",
                json!({ "session_id": session, "room": "no such room", "content": "" }),
            ),
            (
                "/api/message",
                json!({ "session_id": format!("{session}0"), "room": "general", "content": "x" }),
            ),
            (
                "/api/command",
                json!({ "session_id": session, "command": "/nonsense" }),
            ),
        ] {
            let answer = post(server.http, path, body).await.expect("it answers");
            self.ears.hear(path, answer.body.to_string().as_bytes());
        }
    }

    /// Passwords, right, wrong, weak and mistyped, as they are typed.
    async fn passwords(&mut self, server: &Process) {
        let mut lines = Lines::connect(server.tcp).await;
        for line in [
            "/nick carol".to_owned(),
            format!("/register {PERSON} {PERSON}"),
            format!("/password {PERSON} {PERSON}"),
            format!("/password {PERSON}"),
            "/logout".to_owned(),
            format!("/login carol {PERSON}"),
            format!("/login {PERSON}"),
            format!("/logni carol {PERSON}"),
            format!("/login carol {PERSON} {PERSON}"),
            "/sessions".to_owned(),
        ] {
            let answer = lines.answer(&line).await.join("\n");
            self.ears.hear(line.replace(PERSON, "…"), answer.as_bytes());
        }
    }

    /// The commands with settings that are right.
    async fn well(&mut self) {
        self.run_each(&[
            "config show",
            "config check one.json",
            "status",
            "health",
            "monitor --once",
            "doctor",
            "doctor --bundle support.tar",
            "storage",
            "jobs list",
            "connections",
            "log-level trace",
            "reload",
            "events",
            "epoch",
            "backup --to copy",
            "backup verify copy",
            "backup list",
            "migrate status",
            "migrate plan",
            "migrate verify",
            "migrate up",
            "user list",
            "user show carol",
            "user sessions carol",
            "audit",
            "roles",
            "archive run",
            "archive list",
            "cleanup --yes",
            "logs",
            "jobs run archive",
            "replay archive",
            "bench --connections 2 --rate 20 --warmup 100ms --duration 300ms",
        ])
        .await;
    }

    /// Settings that are wrong in each way that an operator gets them wrong.
    async fn ill(&mut self) {
        let (_, wrong) = password(WRONG);
        let (db, redis) = (self.postgres.port, self.redis.port);
        let key = self.shell.path("key.pem").display().to_string();
        let urls = [
            format!("postgresql://chat:{wrong}@127.0.0.1:{db}/chat"),
            format!("postgresql://chat:{wrong}@127.0.0.1:1/chat"),
            format!("postgresql://chat:{wrong}@127.0.0.1:{db}/none?password={wrong}"),
            format!("postgresql://chat@127.0.0.1:{db}/chat"),
            format!(
                "postgresql://chat:{wrong}@127.0.0.1:{db}/chat?sslmode=require&sslkey={key}&sslcert={key}"
            ),
            format!("postgresql://chat:{wrong}@127.0.0.1:{db}/chat?sslmod={WRONG}"),
            format!("postgresql://chat:{WRONG}@/x@127.0.0.1:x/chat"),
            format!("mysql://chat:{wrong}@h/chat"),
            WRONG.to_owned(),
        ];
        let lines = [
            "serve",
            "migrate status",
            "jobs list",
            "doctor --timeout 1s",
            "config show",
            "backup --to none",
        ];
        let mut runs = Vec::new();
        for url in &urls {
            let set = vec![("DISCORDCTL_DB_URL", &**url), ("DISCORDCTL_DB_WAIT", "0s")];
            runs.extend(lines.map(|line| (line.to_owned(), set.clone())));
            runs.push((format!("storage --db-url {url}"), Vec::new()));
        }
        let buses = [
            format!("redis://chat:{wrong}@127.0.0.1:{redis}"),
            format!("redis://chat:{wrong}@127.0.0.1:1"),
            format!(
                "redis+sentinel://chat:{wrong}@127.0.0.1:{redis}/main?sentinel_password={wrong}"
            ),
            format!("rediss://127.0.0.1:{redis}?sslkey={key}&sslcert={key}"),
            format!("redis://127.0.0.1:{redis}?token={WRONG}"),
            format!("redis://chat:{WRONG}@h,b:port"),
        ];
        for url in &buses {
            let lines = ["config show", "health --timeout 1s", "doctor --timeout 1s"];
            runs.extend(
                lines.map(|line| (line.to_owned(), vec![("DISCORDCTL_REDIS_URL", &**url)])),
            );
        }
        let file = json!({ "db_url": [urls[0]], "tcp_port": urls[1], "redis_url": urls[2], WRONG: 1, "http": { "hosts": [urls[3]] } });
        let file = file
            .to_string()
            .replace(&format!("\"{WRONG}\":1"), "\"tcp_prot\":1");
        fs::write(self.shell.path("wrong.json"), file).expect("written");
        for line in ["config check wrong.json", "serve --config wrong.json"] {
            runs.push((line.to_owned(), Vec::new()));
        }
        self.run(runs).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_anything_that_is_printed_logged_or_written() {
    let Some(mut site) = Site::new().await else {
        return;
    };
    let mut ears = Ears::default();
    ears.secret(DATABASE);
    for said in [
        "it is databasecanary4711",
        &BASE64_STANDARD.encode(format!("chat:{DATABASE}!")),
    ] {
        ears.heard.clear();
        ears.hear("a test", said.as_bytes());
        assert_eq!(ears.told().len(), 1, "the search finds what is there");
    }
    let server = Process::start(site.shell.command("serve --background")).await;
    site.people(&server).await;
    site.passwords(&server).await;
    site.control();
    site.well().await;
    for path in [
        "/health",
        "/metrics",
        "/readyz",
        "/api/rooms",
        "/api/history/general",
        "/api/none",
    ] {
        site.get(server.http, path).await;
    }
    site.ill().await;
    // Also while it cannot have what it is given the secrets for.
    site.redis.kill();
    site.postgres.crash();
    eventually("it notices", async || {
        let health = request(server.http, "GET", "/readyz", None).await;
        health.is_ok_and(|answer| answer.status == 503)
    })
    .await;
    for path in [
        "/health",
        "/metrics",
        "/api/rooms",
        "/api/history/general?before=1",
    ] {
        site.get(server.http, path).await;
    }
    let runs = [
        "health",
        "doctor --timeout 2s",
        "storage",
        "doctor --timeout 2s --bundle later.tar",
    ];
    let runs = runs.map(|line| (line.to_owned(), Vec::new()));
    site.run(runs.to_vec()).await;
    let environment = Command::new("ps")
        .args(["-o", "args=", "-p", &server.pid().to_string()])
        .output();
    site.ears
        .hear("the list of processes", &environment.expect("ps").stdout);
    server.terminate().await;
    site.files();
    let sources: Vec<&str> = site
        .ears
        .heard
        .iter()
        .map(|(source, _)| source.as_str())
        .collect();
    for end in [
        "log/one.log",
        "support.tar",
        "copy",
        "copy.json",
        "later.tar",
    ] {
        assert!(
            sources.iter().any(|source| source.ends_with(end)),
            "no {end} in {sources:?}"
        );
    }
    let told = site.ears.told();
    assert!(told.is_empty(), "{}", told.join("\n"));
}
