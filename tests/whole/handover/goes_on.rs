//! The whole of it, on each database: lines go on, the others resume, and no client is refused.
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpSocket;

use discordctl::client::Target;

use crate::handover::people::{Going, knock, talk};
use crate::handover::site::{Site, start};
use crate::support::certificates::Certificates;
use crate::support::client::{Lines, Person, get};
use crate::support::db::Db;
use crate::support::instance::Address;
use crate::support::reader::{Reader, Way};
use crate::support::{Shell, eventually, in_time};

/// So much that no socket's buffers hold it.
const MUCH: usize = 3_000;

pub(crate) async fn no_netcat_notices(db: Db) {
    let site = Site::new(&db);
    let mut serving = site.serve().await;
    let (tcp, http) = (serving.tcp, serving.http);

    let mut middle = Lines::enter(tcp, "middle").await;
    middle.command("/create side").await.unwrap();
    // Two rooms, and a line whose end comes much later; plain lines go to `side`.
    middle.write("half a li\u{e9}".as_bytes()).await;

    let deaf = TcpSocket::new_v4().unwrap();
    deaf.set_recv_buffer_size(4096).unwrap();
    let mut deaf = deaf.connect(tcp).await.unwrap();
    deaf.write_all(b"/nick deaf\n/join general\n")
        .await
        .unwrap();
    let mut joined = Lines::connect(tcp).await;
    while !joined.command("/list").await.unwrap().contains("3 users") {}

    // Other protocols, of which the first line comes in halves.
    let mut page = Lines::connect(tcp).await;
    page.write(b"POST / HT").await;
    let mut hello = Lines::connect(tcp).await;
    hello.write(b"\x16").await;

    let going = Going::default();
    let (talker, knocker) = (talk(tcp, &going), knock(tcp, &going));
    let at = [Address { tcp, http }];
    let readers = Reader::start_all(&[Way::Sse, Way::Ws], "general", &at).await;
    let mut flood = Lines::enter(tcp, "flood").await;
    let text = |n: usize| format!("{n} {}", "x".repeat(2_000));
    for n in 0..MUCH / 2 {
        flood.say("general", &text(n)).await.unwrap();
    }

    for _ in 0..3 {
        going.more(20).await;
        let next = start(site.successor(&serving)).await;
        let next = next.unwrap_or_else(|(code, told)| panic!("{code:?}: {told}"));
        let (_, ready) = get(http, "/readyz").await;
        assert_eq!(std::mem::replace(&mut serving, next).ends().await, Some(0));
        assert_eq!(ready["ready"], true);
        let (_, ready) = get(http, "/readyz").await;
        assert_eq!(ready["pid"], serving.pid());
    }
    for n in MUCH / 2..MUCH {
        flood.say("general", &text(n)).await.unwrap();
    }
    going.more(20).await;
    going.stop();
    let (said, silence) = talker.await.unwrap();
    println!("{said} lines; the longest silence {silence:?}");
    println!("{} came and went", knocker.await.unwrap());

    page.write(b"TP/1.1\r\n\r\n/join general\r\nnever\r\n")
        .await;
    hello.write(b"\x03\x01\n/join general\nnever\n").await;
    for stranger in [&mut page, &mut hello] {
        let line = stranger.line().await.unwrap();
        assert!(line.starts_with("[system] this port takes"), "{line}");
        assert_eq!(stranger.line().await, None);
    }

    // The line that was begun before all that.
    middle.write(b"ne\n").await;
    loop {
        let seen = middle.see().await;
        if seen.room == "side" {
            assert_eq!(seen.content, "half a li\u{e9}ne");
            break;
        }
    }
    let (_, rooms) = get(http, "/api/rooms").await;
    let general = rooms["rooms"].as_array().unwrap().iter();
    let general = general.clone().find(|room| room["name"] == "general");
    let count = general.unwrap()["last_seq"].as_i64().unwrap();
    assert_eq!(count as usize, said + MUCH, "nothing lost, nothing twice");
    for reader in &readers {
        let all = || async { reader.look(|notes| notes.seen.len() as i64) >= count };
        eventually(&format!("{} has seen all", reader.name), all).await;
        reader.look(|notes| {
            let seqs = notes.seen.iter().map(|seen| seen.seq);
            assert!(seqs.eq((1..=count).map(Some)), "no gap, no repeat");
            assert!(notes.faults.is_empty(), "{:?}", notes.faults);
            assert_eq!(notes.refused, 0, "it is taken, if by one that ends");
            assert!(notes.connections > 3, "it came {} times", notes.connections);
        });
    }

    // The reader that took nothing all the time has it all before it, in order.
    let mut lines = BufReader::new(deaf).lines();
    let (mut next, mut messages) = (0, 0);
    while messages < count {
        let line = in_time("a line", lines.next_line()).await.unwrap();
        let line = line.expect("the connection is open");
        let Some((_, said)) = line
            .strip_prefix("[general] ")
            .and_then(|l| l.split_once(": "))
        else {
            assert!(line.starts_with("[system] "), "{line}");
            continue;
        };
        messages += 1;
        if !said.starts_with('t') {
            assert_eq!(said, text(next));
            next += 1;
        }
    }

    // Their names were theirs all along.
    let taken = joined.command("/nick middle").await.unwrap_err();
    assert!(taken.contains("somebody online"), "{taken}");
    assert_eq!(serving.terminate().await, Some(0));
    let store = db.open().await;
    let online = store
        .online(
            &discordctl::store::Page::default(),
            discordctl::store::Viewer::Server,
        )
        .await;
    assert!(online.unwrap().is_empty());
    let long = std::time::Duration::from_secs(3600);
    assert!(
        store.lively(long).await.unwrap().is_empty(),
        "no row is left"
    );
}

/// Its session is not handed over; the listener is, and so is a client in the clear.
pub(crate) async fn a_client_by_tls_comes_again_to_the_listener_that_was_handed_over(db: Db) {
    let (site, certificates) = (Site::new(&db), Certificates::new());
    let by_tls = |mut command: std::process::Command| {
        command
            .env("DISCORDCTL_TLS_CERT", certificates.cert())
            .env("DISCORDCTL_TLS_KEY", certificates.key())
            .env("DISCORDCTL_TLS_TCP_PORT", "0");
        start(command)
    };
    let Ok(first) = by_tls(site.command((0, 0))).await else {
        panic!("it starts");
    };
    let record = std::fs::read(site.socket().with_extension("json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    let at: std::net::SocketAddr = record["listeners"][2]["address"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let lines = Target::by_tls(at, certificates.believed());
    let mut clear = Lines::enter(first.tcp, "clear").await;
    let mut secure = Lines::enter(lines, "secure").await;
    secure.say("general", "before").await.unwrap();
    let Ok(second) = by_tls(site.successor(&first)).await else {
        panic!("it takes over");
    };
    assert_eq!(first.ends().await, Some(0));
    loop {
        let line = secure.line().await.expect("it is told");
        if line == "[system] the server is restarting; connect again in a moment" {
            break;
        }
    }
    assert_eq!(secure.line().await, None);
    let mut again = Lines::enter(lines, "secure").await;
    again.say("general", "after").await.unwrap();
    for text in ["before", "after"] {
        assert_eq!(clear.see().await.content, text);
    }
    assert_eq!(second.terminate().await, Some(0));
}

pub(crate) async fn a_session_by_token_goes_on_with_its_cap(db: Db) {
    let site = Site::new(&db);
    let shell = Shell::on(&db);
    shell.run("user create buildbot").await.well();
    let made = shell
        .run("token create --user buildbot --scopes read")
        .await
        .well();
    let token = made["token"].as_str().expect("a token").to_owned();
    let Ok(first) = start(site.command((0, 0))).await else {
        panic!("it starts");
    };
    let mut bot = Lines::connect(first.tcp).await;
    let told = bot.command(&format!("/login buildbot {token}")).await;
    assert!(told.is_ok_and(|told| told.contains("logged in as buildbot")));
    bot.command("/join general").await.unwrap();
    let Ok(second) = start(site.successor(&first)).await else {
        panic!("it takes over");
    };
    assert_eq!(first.ends().await, Some(0));
    bot.write("hello\n").await;
    bot.line_with("cannot write: the token").await;
    let revoke = format!("token revoke {}", made["id"]);
    shell.run(&revoke).await.well();
    while bot.line().await.is_some() {}
    assert_eq!(second.terminate().await, Some(0));
}

pub(crate) async fn without_a_predecessor_it_just_starts(db: Db) {
    let site = Site::new(&db);
    let mut command = site.command((0, 0));
    command.arg("--take-over");
    let Ok(process) = start(command).await else {
        panic!("it starts");
    };
    drop(Lines::enter(process.tcp, "lines").await);
    // One that was killed leaves its socket, and nothing behind it.
    let ports = (process.tcp.port(), process.http.port());
    process.signal(rustix::process::Signal::KILL);
    process.ends().await;
    let mut command = site.command(ports);
    command.arg("--take-over");
    let Ok(process) = start(command).await else {
        panic!("it starts");
    };
    assert_eq!(process.terminate().await, Some(0));
}
