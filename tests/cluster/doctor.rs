//! `discordctl doctor` over real instances, real troubles, and a proxy that holds streams back.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::cluster::Cluster;
use crate::support::http::{connect, post};
use crate::support::postgres::run;
use crate::support::{Ran, eventually};

/// What is not well: check, on what, how bad.
fn troubles(ran: &Ran) -> Vec<(String, String, String)> {
    let report = ran.json();
    let checks = report["checks"].as_array().expect("a list");
    let bad = checks.iter().filter(|finding| finding["level"] != "ok");
    bad.map(|finding| {
        assert!(finding["fix"].is_string(), "no fix: {finding}");
        let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        (word("check"), word("on"), word("level"))
    })
    .collect()
}

fn trouble(check: &str, on: &str, level: &str) -> (String, String, String) {
    (check.to_owned(), on.to_owned(), level.to_owned())
}

const JSON: &str = "doctor --timeout 30s -o json";

#[tokio::test(flavor = "multi_thread")]
async fn what_endangers_a_deployment_is_found_with_its_fix() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let limit = "client-output-buffer-limit";
    cluster
        .redis()
        .ask(&["CONFIG", "SET", limit, "pubsub 32mb 8mb 60"]);
    let ran = cluster.run(JSON).await;
    let found = troubles(&ran);
    // The limits of this machine are what they are.
    let found: Vec<_> = found.into_iter().filter(|t| t.0 != "open files").collect();
    // The PostgreSQL of these tests may lose everything.
    let unsafe_database = trouble("settings", "postgresql", "critical");
    // And no instance is told to make backups.
    let no_backup = trouble("backup", "folder", "warning");
    // And serves with the superuser that made it.
    let superuser = trouble("role", "postgresql", "warning");
    let expected = [
        superuser,
        unsafe_database.clone(),
        unsafe_database,
        no_backup,
    ];
    assert_eq!(found, expected, "{}", ran.stdout);
    assert!(ran.stdout.contains("fsync is off"), "{}", ran.stdout);

    let mut superuser = cluster.postgres.connect().await;
    let late = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', \
                current_database()); END $$";
    run(&mut superuser, late).await;
    let limit = "client-output-buffer-limit";
    cluster
        .redis()
        .ask(&["CONFIG", "SET", limit, "pubsub 0 0 0"]);
    cluster.instances[1].kill().await;
    let file = cluster.configs().join("instance2.json");
    fs::write(
        cluster.configs().join("instance3.json"),
        "{\"tcp_prot\": 1}",
    )
    .expect("a file");
    let squatter = std::net::TcpListener::bind(cluster.instances[1].at.http).expect("free again");
    let ran = cluster.run(JSON).await.exits(2);
    let found = troubles(&ran);
    let wrong = file.with_file_name("instance3.json").display().to_string();
    for expected in [
        trouble("config", &wrong, "critical"),
        trouble("settings", "postgresql", "critical"),
        trouble("pub/sub buffer", "redis", "warning"),
        trouble("instance files", "instance-2", "warning"),
        trouble("HTTP port", "instance-2", "critical"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:#?}");
    }
    assert!(
        ran.stdout.contains("did you mean") && ran.stdout.contains("synchronous_commit is off")
    );
    let us = format!("pid {} (", std::process::id());
    assert!(
        ran.stdout.contains(&us),
        "the holder of the port: {}",
        ran.stdout
    );
    drop(squatter);

    // Without a database everything else is still said.
    cluster.postgres.crash();
    cluster.redis().kill();
    let ran = cluster.run(JSON).await;
    let found = troubles(&ran);
    for expected in [
        trouble("database", "postgresql", "critical"),
        trouble("bus", "redis", "warning"),
        trouble("instance files", "instance-2", "warning"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:#?}");
    }
    cluster.postgres.restart().await;
}

/// What it says of how the database is replicated: check, how bad, and in which words.
async fn replicated(cluster: &Cluster) -> Vec<(String, String, String)> {
    let report = cluster.run(JSON).await.json();
    let checks = report["checks"].as_array().expect("a list").iter();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let found = checks.map(|f| (word(f, "check"), word(f, "level"), word(f, "detail")));
    let wanted = ["replication", "replication slots", "WAL archive"];
    found.filter(|f| wanted.contains(&f.0.as_str())).collect()
}

/// Waits until one of its findings is so.
async fn told(cluster: &Cluster, check: &str, level: &str, words: &str) {
    let is_told = || async {
        let found = replicated(cluster).await.into_iter();
        let mut of_check = found.filter(|f| f.0 == check);
        of_check.any(|f| f.1 == level && f.2.contains(words))
    };
    eventually(&format!("{check} is {level}: {words}"), is_told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failover_would_lose_and_what_fills_the_disk() {
    let Some(mut cluster) = Cluster::start(1).await else {
        return;
    };
    told(&cluster, "replication", "ok", "no standby streams").await;
    let mut standby = cluster.postgres.standby().await;
    told(&cluster, "replication", "warning", "no commit waits for it").await;
    cluster.postgres.waits_for_its_standby().await;
    told(&cluster, "replication", "ok", "a synchronous standby").await;
    standby.crash();
    told(&cluster, "replication", "critical", "every commit waits").await;
    for statement in [
        "ALTER SYSTEM RESET synchronous_standby_names",
        "ALTER SYSTEM SET archive_mode = on",
        "ALTER SYSTEM SET archive_command = 'false'",
        "SELECT pg_create_physical_replication_slot('forgotten', true)",
    ] {
        cluster.postgres.sql(statement).await;
    }
    told(
        &cluster,
        "replication slots",
        "warning",
        "nothing reads the slot forgotten",
    )
    .await;
    cluster.postgres.crash();
    cluster.postgres.restart().await;
    cluster
        .postgres
        .sql("CREATE TABLE written (); SELECT pg_switch_wal()")
        .await;
    told(&cluster, "WAL archive", "critical", "none ever succeeded").await;
    for statement in [
        "ALTER SYSTEM SET archive_command = 'true'",
        "SELECT pg_reload_conf()",
        "SELECT pg_drop_replication_slot('forgotten')",
    ] {
        cluster.postgres.sql(statement).await;
    }
    told(&cluster, "WAL archive", "ok", "the last piece was archived").await;
    let found = replicated(&cluster).await;
    assert!(found.iter().all(|f| f.1 == "ok"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_holds_what_helps_and_nothing_secret() {
    let Some(cluster) = Cluster::start(1).await else {
        return;
    };
    let at = cluster.instances[0].at.http;
    let alice = connect(at, "alice").await;
    let said = "the-words-of-alice";
    let body = json!({ "session_id": alice, "room": "general", "content": said });
    assert_eq!(
        post(at, "/api/message", body).await.expect("sent").status,
        200
    );
    let config = cluster.configs().join("instance1.json");
    let text = fs::read_to_string(&config).expect("a file");
    let mut with_password: Value = serde_json::from_str(&text).expect("JSON");
    let url = with_password["db_url"].as_str().expect("a URL");
    let secret = "hunter2-the-password";
    let url = url.replace("://postgres@", &format!("://postgres:{secret}@"));
    with_password["db_url"] = json!(url);
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).expect("changed");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one.json");
    fs::write(&file, with_password.to_string()).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("changed");
    let log = cluster.instances[0].plan.folder.join("log");
    fs::create_dir_all(&log).expect("a folder");
    fs::write(
        log.join("instance-1.log"),
        format!("cannot reach {url}\nall is well\n"),
    )
    .expect("a log");

    let bundle = folder.path().join("support.tar").display().to_string();
    let file = file.display().to_string();
    let line = format!("{JSON} --config {file} --bundle {bundle}");
    let ran = cluster.run(&line).await;
    let report = ran.json();
    let listed: Vec<&str> = report["bundle"]["files"]
        .as_array()
        .unwrap_or_else(|| panic!("{}{}", ran.stdout, ran.stderr))
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for name in [
        "versions.json",
        "doctor.json",
        "health.json",
        "config/instance-1.json",
        "log/instance-1.log",
        "health/instance-1.json",
        "metrics/instance-1.prom",
    ] {
        assert!(listed.contains(&name), "{name} in {listed:?}");
    }
    assert!(troubles(&ran).contains(&trouble("permissions", &file, "warning")));

    let held = fs::read(&bundle).expect("an archive");
    let mode = fs::metadata(&bundle)
        .expect("an archive")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = String::from_utf8_lossy(&held);
    for needle in [secret, said, &alice] {
        assert!(
            !text.contains(needle) && !ran.stdout.contains(needle),
            "{needle}"
        );
    }
    assert!(text.contains("all is well") && text.contains("discord_connections"));
    let tar = Command::new("tar")
        .args(["-tf", &bundle])
        .output()
        .expect("tar");
    let unpacked = String::from_utf8_lossy(&tar.stdout).lines().count();
    assert_eq!(
        unpacked,
        listed.len(),
        "{}",
        String::from_utf8_lossy(&tar.stderr)
    );

    let again = format!("doctor --config {file} --bundle {bundle}");
    cluster.run(&again).await.exits(73);
    assert_eq!(fs::read(&bundle).expect("an archive"), held);
}

/// Reads an answer to its end before it passes any of it on, as a proxy does that buffers.
async fn buffering_proxy(to: std::net::SocketAddr) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0u8; 4096];
                let n = client.read(&mut request).await.expect("a request");
                let mut server = TcpStream::connect(to).await.expect("an instance");
                server.write_all(&request[..n]).await.expect("passed on");
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
                client.write_all(head.as_bytes()).await.expect("a head");
                let mut whole = Vec::new();
                let _ = server.read_to_end(&mut whole).await;
                let _ = client.write_all(&whole).await;
            });
        }
    });
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_holds_a_stream_back_is_found() {
    let Some(cluster) = Cluster::start(1).await else {
        return;
    };
    let direct = cluster.instances[0].at.http;
    let buffering = buffering_proxy(direct).await;
    let verdict = async |at, within| {
        let url = format!("http://{at}");
        let ran = cluster
            .run(&format!("doctor -o json --timeout {within} --url {url}"))
            .await;
        let report = ran.json();
        let checks = report["checks"].as_array().expect("a list").clone();
        let found = checks
            .into_iter()
            .find(|finding| finding["check"] == "proxy");
        found.expect("it was looked at")
    };
    let well = verdict(direct, "30s").await;
    assert_eq!(well["level"], "ok", "{well}");
    let held = verdict(buffering, "3s").await;
    assert_eq!(held["level"], "critical", "{held}");
    assert!(
        held["fix"]
            .as_str()
            .expect("a fix")
            .contains("proxy_buffering off")
    );
}
