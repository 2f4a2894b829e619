//! Messages are edited, reacted to and deleted while all that carries them breaks: no reader misses a change,
//! and what a program makes of what it is given is what is stored.
use std::collections::BTreeMap;
use std::net::SocketAddr;

use discordctl::client::{Buffer, Event, Events};
use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::support::instance::Address;
use crate::support::postgres::{Postgres, folder};
use crate::support::{DEADLINE, Ran, Shell, in_time, until};

const ROOM: &str = "bench-0000";
const ENTRIES: &str = "SELECT count(*) FROM messages";

/// The load: people at every instance, of whose acts nearly a third is done to what they said, and readers
/// that go on at the next instance when they are cut off.
pub(crate) const LOAD: &str = "bench --config-dir config --connections 12 --senders 9 --rate 12 --events 30 \
                    --transport sse --reconnect 900ms --warmup 0s --duration 12s";

#[tokio::test(flavor = "multi_thread")]
async fn no_change_of_a_message_is_missed_whatever_breaks() {
    let Some(mut cluster) = Cluster::start(3).await else {
        return;
    };
    let shell = Shell::within(folder());
    std::fs::create_dir_all(shell.path("config")).unwrap();
    for (n, at) in (1..).zip(cluster.addresses(0)) {
        let config = json!({
            "instance_id": format!("instance-{n}"), "tcp_port": at.tcp.port(),
            "http_port": at.http.port(), "db_url": cluster.postgres.url(),
        });
        let file = shell.path(&format!("config/instance{n}.json"));
        std::fs::write(file, config.to_string()).unwrap();
    }
    let load = tokio::spawn(async move { shell.run(LOAD).await });
    let more = async |cluster: &Cluster, count: i64| {
        let enough = cluster.postgres.number(ENTRIES).await + count;
        until!(
            "more is done",
            cluster.postgres.number(ENTRIES).await >= enough
        );
    };
    more(&cluster, 60).await;
    cluster.redis().kill();
    more(&cluster, 60).await;
    cluster.redis().restart();
    cluster.postgres.crash();
    cluster.instances[0].becomes("unhealthy").await;
    cluster.postgres.restart().await;
    more(&cluster, 60).await;
    cluster.instances[2].kill().await;
    more(&cluster, 60).await;
    cluster.instances[2].restart().await;
    nothing_was_missed(&load.await.expect("it ends"));
    cluster.becomes("healthy").await;
    replicas_agree(&cluster.postgres, &cluster.addresses(0)).await;
}

/// The load says that each reader was given each entry once, in its place, and that some had to go on elsewhere.
pub(crate) fn nothing_was_missed(ran: &Ran) {
    let report = ran.json();
    for name in ["lost", "repeated", "out_of_order"] {
        assert_eq!(report[name], 0, "{name}: {ran:?}");
    }
    for kind in ["gap", "not_consecutive", "not_resumed", "stray", "protocol"] {
        assert_eq!(report["errors"][kind], Value::Null, "{ran:?}");
    }
    let count = |of: &Value| of.as_u64().unwrap_or(0);
    assert!(count(&report["of_events"]["committed"]) > 30, "{ran:?}");
    assert!(count(&report["reconnects"]["ended"]) > 0, "{ran:?}");
}

/// What programs make of the room at each of these instances is what is stored.
pub(crate) async fn replicas_agree(postgres: &Postgres, instances: &[Address]) {
    let stored = stored(postgres).await;
    assert!(stored.values().any(|message| message.gone), "none is gone");
    for at in instances {
        let replica = in_time("a replica", replica(at.http, postgres)).await;
        assert_eq!(replica, stored, "at {at:?}");
    }
}

/// A message as it is.
#[derive(Debug, Clone, Default, PartialEq)]
struct Message {
    content: String,
    gone: bool,
    edited: bool,
    reactions: i64,
}

async fn stored(postgres: &Postgres) -> BTreeMap<i64, Message> {
    let rows: Vec<(i64, String, bool, bool, i64)> = sqlx::query_as(
        "SELECT m.seq, m.content, m.gone IS NOT NULL, m.edited_at IS NOT NULL,
           (SELECT count(*) FROM reactions r WHERE r.room_id = m.room_id AND r.seq = m.seq)
         FROM messages m JOIN rooms o ON o.id = m.room_id WHERE o.name = $1 AND m.kind < 10",
    )
    .bind(ROOM)
    .fetch_all(&mut postgres.connect().await)
    .await
    .expect("the database answers");
    let message = |(seq, content, gone, edited, reactions)| {
        let message = Message {
            content,
            gone,
            edited,
            reactions,
        };
        (seq, message)
    };
    rows.into_iter().map(message).collect()
}

/// What a program makes of the whole room, entry by entry.
async fn replica(at: SocketAddr, postgres: &Postgres) -> BTreeMap<i64, Message> {
    let last = "SELECT last_seq FROM rooms WHERE name = 'bench-0000'";
    let last = postgres.number(last).await;
    let path = format!("/api/messages/{ROOM}?after=0");
    let events = Events::open(at, &path, None, Buffer::Usual, DEADLINE).await;
    let mut events = events.expect("a stream");
    let (mut replica, mut seq) = (BTreeMap::new(), 0);
    while seq < last {
        let Some(Event::Named { name, data, .. }) = events.next().await.expect("readable") else {
            continue;
        };
        let told: Value = serde_json::from_str(&data).expect("JSON");
        let Some(place) = told["seq"].as_i64() else {
            continue;
        };
        assert_eq!(place, seq + 1, "no place is left out: {told}");
        seq = place;
        take(&mut replica, &name, &told);
    }
    replica
}

fn take(replica: &mut BTreeMap<i64, Message>, name: &str, told: &Value) {
    let text = || told["content"].as_str().unwrap_or_default().to_owned();
    let reactions = || {
        let each = told["reactions"].as_object().into_iter().flatten();
        each.filter_map(|(_, of)| of["count"].as_i64()).sum()
    };
    if name == "message" {
        let message = Message {
            content: text(),
            gone: told["deleted"] == true,
            edited: !told["edited_at"].is_null(),
            reactions: reactions(),
        };
        replica.insert(told["seq"].as_i64().unwrap_or(0), message);
        return;
    }
    let target = told["target"].as_i64().expect("a target");
    let message = replica.get_mut(&target).expect("a message that was given");
    match name {
        "edit" if told["deleted"] == true => {}
        "edit" => (message.content, message.edited) = (text(), true),
        "reaction" => message.reactions = reactions(),
        "delete" => {
            *message = Message {
                gone: true,
                ..Message::default()
            };
        }
        other => panic!("{other}: {told}"),
    }
}
