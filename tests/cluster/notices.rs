//! Joins, leaves and renames are seen on every instance: once, soon, and in a crowd as a sum.
use std::time::Duration;

use redis::Commands;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, ROOM};
use crate::support::client::Lines;
use crate::support::eventually;
use crate::support::http::{connect, post};
use crate::support::instance::{Instance, Plan};

/// A look at the database falls into so long, with a bus and without.
const A_LOOK: Duration = Duration::from_millis(4_500);

async fn person(instance: &Instance, name: &str) -> Lines {
    let mut person = Lines::connect(instance.at.tcp).await;
    person.answer(&format!("/nick {name}")).await;
    person
}

async fn member(instance: &Instance, name: &str) -> Lines {
    let mut member = person(instance, name).await;
    member.answer(&format!("/join {ROOM}")).await;
    member
}

/// What a person was shown since, but for what answers a command.
async fn shown(person: &mut Lines) -> Vec<String> {
    let lines = person.answer("/history 1").await;
    let told = lines
        .iter()
        .filter_map(|line| line.strip_prefix("[system] "));
    let told = told.filter(|line| !line.contains("messages"));
    told.map(str::to_owned).collect()
}

/// People come, go and change their names at one instance; the other shows it, each thing once.
/// Returns how soon the quickest was shown.
async fn come_and_go(here: &Instance, there: &Instance) -> Duration {
    let mut near = member(here, "near").await;
    let mut far = member(there, "far").await;
    near.line_with("far joined").await;
    let mut alice = person(here, "alice").await;
    let mut quickest = Duration::MAX;
    for (typed, seen) in [
        (format!("/join {ROOM}"), "alice joined general"),
        ("/nick eve".to_owned(), "alice is now eve"),
        (format!("/leave {ROOM}"), "eve left general"),
    ] {
        let start = Instant::now();
        alice.write(&format!("{typed}\n")).await;
        far.line_with(seen).await;
        quickest = quickest.min(start.elapsed());
    }
    sleep(A_LOOK).await;
    let mut again = shown(&mut far).await;
    // It came in while that was on its way.
    again.retain(|line| line != "near joined general");
    assert_eq!(again, [""; 0], "nothing comes twice");
    let seen = [
        "alice joined general",
        "alice is now eve",
        "eve left general",
    ];
    assert_eq!(shown(&mut near).await, seen);
    // A session over HTTP alone is seen as well, and a connection that is only gone.
    let zed = connect(here.at.http, "zed").await;
    let join = json!({ "session_id": zed, "command": format!("/join {ROOM}") });
    let start = Instant::now();
    let joined = post(here.at.http, "/api/command", join).await;
    assert_eq!(joined.expect("it answers").status, 200);
    far.line_with("zed joined general").await;
    quickest = quickest.min(start.elapsed());
    drop(near);
    far.line_with("near left general").await;
    quickest
}

#[tokio::test(flavor = "multi_thread")]
async fn comings_and_goings_are_seen_everywhere_over_a_bus() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let quickest = come_and_go(&cluster.instances[0], &cluster.instances[1]).await;
    println!("with a bus: seen after {quickest:?} at least");
    // Without the bus it would come with a look, seldom so soon.
    assert!(quickest < Duration::from_secs(1), "{quickest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn comings_and_goings_are_seen_everywhere_without_a_bus() {
    let Some(mut cluster) = Cluster::prepare().await else {
        return;
    };
    for _ in 0..2 {
        let plan = Plan {
            redis_url: None,
            ..cluster.plan()
        };
        cluster.add(plan).await;
    }
    let quickest = come_and_go(&cluster.instances[0], &cluster.instances[1]).await;
    println!("without a bus: seen after {quickest:?} at least");
}

#[tokio::test(flavor = "multi_thread")]
async fn comings_and_goings_are_seen_by_processes_of_one_file() {
    let folder = crate::support::postgres::folder();
    let mut instances = Vec::new();
    for name in ["one", "two"] {
        let plan = Plan {
            name: name.to_owned(),
            db_url: format!("sqlite://{}/chat.db", folder.path().display()),
            redis_url: None,
            env: Vec::new(),
            wrapper: Vec::new(),
            folder: folder.path().to_owned(),
        };
        instances.push(Instance::start(plan).await);
    }
    let quickest = come_and_go(&instances[0], &instances[1]).await;
    println!("over one file: seen after {quickest:?} at least");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_told_elsewhere_as_a_sum() {
    const MANY: usize = 400;
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let mut far = member(&cluster.instances[1], "far").await;
    let http = cluster.instances[0].at.http;
    let mut client = cluster.redis().client();
    let mut channel = client.as_pubsub();
    channel.subscribe("room:notices").expect("Redis is there");
    let enter = |n: usize| async move {
        let session = connect(http, &format!("person-{n}")).await;
        let join = json!({ "session_id": session, "command": format!("/join {ROOM}") });
        let joined = post(http, "/api/command", join).await.expect("it answers");
        assert_eq!(joined.status, 200, "{joined:?}");
    };
    let start = Instant::now();
    for some in (0..MANY).collect::<Vec<_>>().chunks(20) {
        futures_util::future::join_all(some.iter().map(|n| enter(*n))).await;
    }
    let took = start.elapsed();
    let (mut joined, mut lines) = (0, 0);
    while joined < MANY {
        let line = far.line_with(" joined general").await;
        let words: Vec<&str> = line.split(' ').collect();
        joined += match words[2] {
            "more" => words[1].parse().expect("a number"),
            _ => 1,
        };
        lines += 1;
    }
    assert_eq!(joined, MANY, "each is told once");
    println!("{MANY} joined in {took:?}: {lines} lines elsewhere");
    let seconds = took.as_secs() as usize + 3;
    assert!(lines <= 11 * seconds, "{lines} lines");
    channel
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a socket");
    let mut published = 0;
    while channel.get_message().is_ok() {
        published += 1;
    }
    assert!(published <= 11 * seconds, "{published} published");
    let rows = cluster
        .postgres
        .number("SELECT count(*) FROM notices")
        .await;
    assert!(rows <= 21 * seconds as i64, "{rows} rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_or_repeated_notice_is_not_shown() {
    let Some(mut cluster) = Cluster::start(2).await else {
        return;
    };
    let mut far = member(&cluster.instances[1], "far").await;
    let mut listener = cluster.redis().client();
    let mut channel = listener.as_pubsub();
    channel.subscribe("room:notices").expect("Redis is there");
    let near = member(&cluster.instances[0], "near").await;
    far.line_with("near joined").await;
    channel
        .set_read_timeout(Some(crate::support::DEADLINE))
        .expect("a socket");
    let genuine: String = loop {
        let message = channel.get_message().expect("a notice");
        let text: String = message.get_payload().expect("text");
        if text.contains("near") {
            break text;
        }
    };
    let mut mallory = cluster.redis().client();
    let forged = genuine.replace("near", "mallory");
    let bare = r#"{"origin":1,"n":1,"kind":"joined","room":"general","nickname":"mallory"}"#;
    for payload in [&genuine, &forged, bare] {
        for _ in 0..10 {
            let _: () = mallory.publish("room:notices", payload).expect("published");
        }
    }
    let _: () = mallory
        .publish("room:general", &genuine)
        .expect("published");
    let counted = || async {
        let metrics = cluster.instances[1].get("/metrics").await;
        metrics["bus_junk"].as_u64() >= Some(21)
    };
    eventually("what is forged is counted", counted).await;
    drop(near);
    far.line_with("near left").await;
    sleep(A_LOOK).await;
    let lines = shown(&mut far).await;
    assert_eq!(lines, [""; 0]);
}
