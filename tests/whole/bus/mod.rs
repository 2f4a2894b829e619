//! The bus over real Redis processes: what it carries, and what it survives.
mod deaf;
mod faults;
mod forms;
mod peer;
mod several;
mod tls;

use discordctl::bus::{Bus, BusState, open};
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::redis::Server;
use peer::{Peer, key, message, room};

/// Two instances that both hear `general`, and the Redis between them.
async fn pair() -> Option<(Server, Peer, Peer)> {
    let server = Server::start()?;
    let (one, two) = (
        Peer::open(&server.url(), "instance-1"),
        Peer::open(&server.url(), "instance-2"),
    );
    for peer in [&one, &two] {
        peer.bus.subscribe(&room("general"));
        peer.becomes(BusState::Connected).await;
    }
    both_hear(&server).await;
    Some((server, one, two))
}

async fn both_hear(server: &Server) {
    eventually("both hear", || async {
        server.subscribers("room:general") == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_as_it_was_sent_at_all_instances() {
    let Some((_server, mut one, mut two)) = pair().await else {
        return;
    };
    let sent: Vec<_> = (1..=1_000).map(|seq| message("general", seq)).collect();
    sent.chunks(100).for_each(|some| one.publish(some));
    for wanted in &sent {
        assert_eq!(&two.message().await, wanted);
        // The publisher hears itself; it is for the relay to know what it has.
        assert_eq!(&one.message().await, wanted);
    }
    assert_eq!(one.meters.publish_failed.get(), 0);
    assert_eq!(two.meters.bus_junk.get(), 0);
    assert!(one.meters.publish.read().summary().count > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_of_one_name_hear_each_other() {
    let Some(server) = Server::start() else {
        return;
    };
    let (one, mut two) = (
        Peer::open(&server.url(), "same"),
        Peer::open(&server.url(), "same"),
    );
    two.bus.subscribe(&room("general"));
    eventually("two hears", || async {
        server.subscribers("room:general") == 1
    })
    .await;
    one.publish(&[message("general", 1)]);
    assert_eq!(two.message().await, message("general", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_who_subscribes_sees_the_conversation() {
    let Some((server, one, _two)) = pair().await else {
        return;
    };
    let mut client = server.client();
    let mut heard = client.as_pubsub();
    heard.subscribe("room:general").expect("subscribed");
    one.publish(&[message("general", 7)]);
    let payload: String = heard
        .get_message()
        .and_then(|m| m.get_payload())
        .expect("a message");
    // As docs/cluster.md has it: the channel, a newline, and all before the key `mac`.
    let (signed, _) = payload.split_once(",\"mac\":").expect("a mac");
    let mut object: Value = serde_json::from_str(&payload).expect("JSON");
    let mac = object.as_object_mut().and_then(|keys| keys.remove("mac"));
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[7; 32]);
    let tag = ring::hmac::sign(&secret, format!("room:general\n{signed}").as_bytes());
    let digits: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(mac, Some(json!(digits)));
    let wanted = json!({
        "id": 1007, "seq": 7, "room": "general", "user": "alice",
        "content": "hello \"7\" \u{1f600}\nand\tmore",
        "created_at": "2024-01-15T10:30:00.130Z", "number": 7, "instance": "instance-1",
    });
    assert_eq!(object, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_is_counted_and_does_no_harm() {
    let Some((server, one, mut two)) = pair().await else {
        return;
    };
    let megabytes = "x".repeat(4 << 20);
    let junk = [
        r#"{"test": true}"#,
        r#"{"id":1,"seq":"#,
        r#"{"id":1,"seq":-1,"room":"general","user":"a","content":"b",
            "created_at":"2024-01-15T10:30:00Z","instance":"i"}"#,
        r#"{"id":1,"seq":1,"room":"random","user":"a","content":"b",
            "created_at":"2024-01-15T10:30:00Z","instance":"i"}"#,
        "[]",
        "",
        &megabytes,
    ];
    for payload in junk {
        assert_eq!(server.ask(&["PUBLISH", "room:general", payload]), 2);
    }
    one.publish(&[message("general", 1)]);
    assert_eq!(two.message().await, message("general", 1));
    assert_eq!(two.meters.bus_junk.get(), junk.len() as u64);
    assert_eq!(two.bus.state(), BusState::Connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_redis_lets_a_subscriber_hold_costs_a_reconnect_and_no_more() {
    let Some((server, one, mut two)) = pair().await else {
        return;
    };
    // Beyond client-output-buffer-limit (32 MB), so Redis cuts us off.
    server.ask(&["PUBLISH", "room:general", &"x".repeat(40 << 20)]);
    both_hear(&server).await;
    let text = message("general", 1);
    one.publish(std::slice::from_ref(&text));
    assert_eq!(two.message().await, text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_not_wanted_any_more_is_not_heard() {
    let Some((server, one, mut two)) = pair().await else {
        return;
    };
    two.bus.subscribe(&room("random"));
    two.bus.unsubscribe(&room("general"));
    eventually("only one hears", || async {
        server.subscribers("room:general") == 1
    })
    .await;
    eventually("two hears", || async {
        server.subscribers("room:random") == 1
    })
    .await;
    one.publish(&[message("general", 1), message("random", 1)]);
    assert_eq!(two.message().await, message("random", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headcount_is_told_when_it_changes_and_once_for_all() {
    let Some((server, one, mut two)) = pair().await else {
        return;
    };
    let mut client = server.client();
    let told = tokio::task::spawn_blocking(move || {
        let mut channel = client.as_pubsub();
        channel.subscribe("room:headcount").expect("subscribed");
        let next = || -> String {
            let message = channel.get_message().expect("a message in time");
            message.get_payload().expect("text")
        };
        std::iter::repeat_with(next).take(4).collect::<Vec<_>>()
    });
    eventually("heard", || async {
        server.subscribers("room:headcount") == 3
    })
    .await;
    for (seq, online) in (1..).zip([3, 3, 5, 5, 4, 9]) {
        one.bus.headcount(online);
        one.bus.headcount(online);
        // By the time that the second has its turn, it has heard what the first said.
        one.publish(&[message("general", seq)]);
        assert_eq!(two.message().await.seq.get(), seq);
        two.bus.headcount(online);
    }
    assert_eq!(told.await.expect("four"), ["3", "5", "4", "9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_url_there_is_no_bus() {
    let (bus, _events) = open(None, "instance-1", key(), Default::default()).expect("a bus");
    assert_eq!(bus.state(), BusState::Disabled);
    assert!(open(Some("nonsense"), "instance-1", key(), Default::default()).is_err());
}
