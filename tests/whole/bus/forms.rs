//! Every form of `redis_url`, over Redis and over Valkey: what the bus carries, and what commands see of it.
use std::process::Command;

use discordctl::bus::{Bus, BusState, Inspector};

use serde_json::json;

use super::peer::{Peer, message, room};
use super::several::{Cluster, PASSWORD, Watched, client};
use super::tls;
use crate::support::redis::Server;
use crate::support::{DEADLINE, Shell, eventually};

const ROOMS: [&str; 4] = ["general", "random", "help", "musik"];

/// The programs of servers that are here.
fn programs() -> Vec<String> {
    let mut found = Vec::new();
    if Command::new("redis-server")
        .arg("--version")
        .output()
        .is_ok()
    {
        found.push("redis-server".to_owned());
    } else {
        crate::support::need::left_out("redis", "redis-server is not on the PATH");
    }
    match std::env::var("DISCORDCTL_TEST_VALKEY") {
        Ok(program) => found.push(program),
        Err(_) => crate::support::need::left_out("valkey", "no valkey-server is named"),
    }
    found
}

fn plain(program: &str, words: &str) -> Server {
    Server::start_program(program, |port, dir| {
        let words = words.replace("DIR", &dir.path().display().to_string());
        let port = ["--port".to_owned(), port.to_string()];
        let words = words.split_whitespace().map(str::to_owned);
        port.into_iter().chain(words).collect()
    })
}

/// What is said in each room is heard at the other in order, and commands find that all is well.
async fn carries(url: &str) {
    let (one, mut two) = (Peer::open(url, "one"), Peer::open(url, "two"));
    for name in ROOMS {
        two.bus.subscribe(&room(name));
    }
    two.becomes(BusState::Connected).await;
    one.becomes(BusState::Connected).await;
    for name in ROOMS {
        flows(&one, &mut two, name).await;
    }
    let messages = (2..=50).flat_map(|seq| ROOMS.map(|name| message(name, seq)));
    let messages: Vec<_> = messages.collect();
    two.forget();
    one.publish(&messages);
    let mut heard = Vec::new();
    while heard.len() < messages.len() {
        heard.push(two.message().await);
    }
    for name in ROOMS {
        let of = |all: &[discordctl::model::Entry]| -> Vec<i64> {
            let of_room = all.iter().filter(|message| message.room.as_str() == name);
            of_room.map(|message| message.seq.get()).collect()
        };
        assert_eq!(of(&heard), of(&messages), "{url}: {name}");
    }
    assert_eq!(one.meters.publish_failed.get(), 0, "{url}");
    assert_eq!(two.meters.bus_junk.get(), 0, "{url}");
    two.bus.unsubscribe(&room("help"));
    flows(&one, &mut two, "random").await;
    one.publish(&[message("help", 60), message("random", 60)]);
    while two.message().await != message("random", 60) {}
    commands_see(url).await;
}

/// What is said now is heard at the other, soon at the latest.
async fn flows(one: &Peer, two: &mut Peer, name: &str) {
    let wanted = message(name, 1);
    two.forget();
    let said = tokio::time::timeout(DEADLINE, async {
        loop {
            one.publish(std::slice::from_ref(&wanted));
            let heard = tokio::time::timeout(DEADLINE / 300, two.message()).await;
            if heard.is_ok_and(|heard| heard == wanted) {
                return;
            }
        }
    });
    said.await.expect("it is heard");
}

async fn commands_see(url: &str) {
    let mut inspector = Inspector::open(url, DEADLINE).await.unwrap();
    inspector.round_trip().await.unwrap();
    assert!(!inspector.info().await.unwrap().version.is_empty());
    let shell = Shell::new().with("DISCORDCTL_CONFIG", "config.json");
    let config = json!({ "redis_url": url }).to_string();
    std::fs::write(shell.path("config.json"), config).unwrap();
    shell.run("config check config.json").await.exits(0);
    for command in ["doctor", "health --level 4"] {
        let told = shell.run(command).await;
        let said = format!("{}{}", told.stdout, told.stderr);
        assert!(!said.contains(PASSWORD), "{command}: {said}");
        let told = told.json();
        let checks = told["checks"].as_array().unwrap().iter();
        let bus = checks.filter(|check| check["check"] == "bus");
        let levels: Vec<_> = bus.map(|check| check["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["ok"], "{command} of {url}: {told}");
    }
    let seen = shell.run("monitor --once --interval 100ms").await.json();
    assert!(seen["redis"]["version"].is_string(), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_in_both_protocols_and_on_a_socket() {
    for program in programs() {
        let server = plain(&program, "--unixsocket DIR/redis.sock");
        let socket = server.dir.path().join("redis.sock");
        for url in [
            server.url(),
            format!("{}?protocol=resp2", server.url()),
            format!("redis+unix://{}", socket.display()),
        ] {
            carries(&url).await;
        }
    }
}

/// Commands of docs/cluster.md that make a user with no more rights than an instance needs.
fn least_privilege(of: &str) -> Vec<String> {
    let page = std::fs::read_to_string("docs/cluster.md").unwrap();
    let line = page.lines().find(|line| line.starts_with(of));
    let line = line.unwrap_or_else(|| panic!("docs/cluster.md has no line '{of} …'"));
    let words = line.replace("PASSWORD", PASSWORD);
    words.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_least_privilege() {
    for program in programs() {
        let server = plain(&program, "");
        let user = least_privilege("ACL SETUSER chat");
        let words: Vec<&str> = user.iter().map(String::as_str).collect();
        server.ask(&words);
        server.ask(&["ACL", "SETUSER", "default", "off"]);
        for protocol in ["resp3", "resp2"] {
            let port = server.port;
            carries(&format!(
                "redis://chat:{PASSWORD}@127.0.0.1:{port}?protocol={protocol}"
            ))
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_addresses_the_first_that_is_a_primary() {
    let Some(program) = programs().into_iter().next() else {
        return;
    };
    let first = plain(&program, "");
    let replica_of = format!("--replicaof 127.0.0.1 {}", first.port);
    let second = plain(&program, &replica_of);
    let (one, two) = (first.port, second.port);
    let url = format!("redis://127.0.0.1:1,127.0.0.1:{two},127.0.0.1:{one}");
    carries(&url).await;
    let (one, mut two) = (Peer::open(&url, "one"), Peer::open(&url, "two"));
    two.bus.subscribe(&room("general"));
    two.becomes(BusState::Connected).await;
    flows(&one, &mut two, "general").await;
    // They change places, and nothing is closed.
    second.ask(&["REPLICAOF", "NO", "ONE"]);
    first.ask(&["REPLICAOF", "127.0.0.1", &second.port.to_string()]);
    eventually("the other one is used", || async {
        second.subscribers("room:general") == 1
    })
    .await;
    flows(&one, &mut two, "general").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_named_in_the_url() {
    let Some(server) = Server::start_with(|port, dir| tls::secured(port, dir.path(), "yes")) else {
        return;
    };
    let file = |name: &str| server.dir.path().join(name).display().to_string();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let url = format!(
        "rediss://:{PASSWORD}@localhost:{}?sslrootcert={cert}",
        server.port
    );
    for protocol in ["resp3", "resp2"] {
        carries(&format!(
            "{url}&sslcert={cert}&sslkey={key}&protocol={protocol}"
        ))
        .await;
    }
    // It is made for two days.
    let shell = Shell::new().with("DISCORDCTL_REDIS_URL", &url);
    let told = shell.run("doctor").await.json();
    let mut checks = told["checks"].as_array().unwrap().iter();
    let found = checks.find(|check| check["check"] == "certificates");
    let found = found.unwrap_or_else(|| panic!("{told}"));
    assert_eq!(
        (&found["on"], &found["level"]),
        (&json!(cert), &json!("critical"))
    );
    let refused = Inspector::open(&url, DEADLINE).await;
    assert!(refused.is_err(), "a client without a certificate");
    let missing = format!("{url}&sslcert=/none&sslkey={key}");
    let why = Inspector::open(&missing, DEADLINE).await.err().unwrap();
    assert!(why.contains("cannot read /none"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_tell_of_the_primary_and_of_the_next_one() {
    for program in programs() {
        let user = least_privilege("ACL SETUSER asker");
        let mut watched = Watched::start(&program, &user[2..]).await;
        let url = watched.url();
        carries(&url).await;
        let (one, mut two) = (Peer::open(&url, "one"), Peer::open(&url, "two"));
        two.bus.subscribe(&room("general"));
        for peer in [&one, &two] {
            peer.becomes(BusState::Connected).await;
        }
        two.restored().await;
        watched.primary.kill();
        two.becomes(BusState::Disconnected).await;
        let took = two.becomes(BusState::Connected).await;
        println!("{program}: connected {took:?} after the primary was seen to be gone");
        let mut next = client(&watched.replica, PASSWORD);
        let role: redis::Value = redis::cmd("ROLE").query(&mut next).unwrap();
        assert!(format!("{role:?}").contains("master"), "{role:?}");
        one.becomes(BusState::Connected).await;
        two.restored().await;
        flows(&one, &mut two, "general").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_slots_move_and_whose_servers_die() {
    for program in programs() {
        let user = least_privilege("ACL SETUSER sharded");
        let mut cluster = Cluster::start(&program, &user[2..]).await;
        let url = cluster
            .url()
            .replace("://", &format!("://sharded:{PASSWORD}@"));
        carries(&url).await;
        let (one, mut two) = (Peer::open(&url, "one"), Peer::open(&url, "two"));
        two.bus.subscribe(&room("general"));
        two.becomes(BusState::Connected).await;
        flows(&one, &mut two, "general").await;

        let (from, to) = cluster.move_slot("room:general");
        let heard_there = || async {
            cluster.shard_subscribers(from, "room:general") == 0
                && cluster.shard_subscribers(to, "room:general") == 1
        };
        eventually("it is heard where it is now", heard_there).await;
        flows(&one, &mut two, "general").await;

        for name in ["general", "random"] {
            cluster.servers[to].kill();
            two.becomes(BusState::Disconnected).await;
            two.forget();
            cluster.servers[to].restart();
            let took = two.becomes(BusState::Connected).await;
            println!("{program}: connected {took:?} after the server returned");
            two.bus.subscribe(&room(name));
            flows(&one, &mut two, name).await;
        }
    }
}
