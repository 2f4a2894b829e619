//! Hand-overs that come to nothing: the first process goes on, and its clients notice nothing.
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::handover::impostor::{Impostor, request};
use crate::handover::people::{Going, knock, talk};
use crate::handover::site::{Site, start};
use crate::support::DEADLINE;
use crate::support::client::{Lines, Person};
use crate::support::db::Db;

pub(crate) async fn a_successor_that_dies_at_any_point_is_as_if_it_had_not_been(db: Db) {
    let site = Site::new(&db);
    let mut serving = site.serve().await;
    let going = Going::default();
    let (talker, knocker) = (talk(serving.tcp, &going), knock(serving.tcp, &going));
    let mut idle = Lines::enter(serving.tcp, "idle").await;
    for word in ["offer", "lines", "others", "all"] {
        going.more(20).await;
        let site = &site;
        tokio::task::block_in_place(|| drop(Impostor::connect(site)));
        tokio::task::block_in_place(|| {
            let mut impostor = Impostor::connect(site);
            impostor.until(site, word);
        });
    }
    for nonsense in [
        json!({ "say": "go" }),
        json!("?"),
        json!({ "say": "ready" }),
    ] {
        going.more(20).await;
        tokio::task::block_in_place(|| {
            let mut impostor = Impostor::connect(&site);
            impostor.until(&site, "all");
            impostor.say(&nonsense);
            assert_eq!(impostor.hear()["say"], "keep");
        });
    }
    going.more(20).await;
    going.stop();
    talker.await.unwrap();
    knocker.await.unwrap();
    idle.say("general", "still here").await.unwrap();
    assert!(serving.runs());
    // And a good one is welcome after all that.
    let Ok(next) = start(site.successor(&serving)).await else {
        panic!("it takes over");
    };
    assert_eq!(serving.ends().await, Some(0));
    idle.say("general", "still here").await.unwrap();
    assert_eq!(next.terminate().await, Some(0));
}

pub(crate) async fn one_that_stops_half_way_is_not_waited_for_and_a_second_is_told_to_wait(db: Db) {
    let site = Site::new(&db);
    let serving = site.serve().await;
    let going = Going::default();
    let talker = talk(serving.tcp, &going);
    going.more(20).await;
    tokio::task::block_in_place(|| {
        let mut stuck = Impostor::connect(&site);
        stuck.until(&site, "all");
        let mut second = Impostor::connect(&site);
        second.say(&request(&site));
        assert_eq!(second.hear()["error"]["code"], "busy");
        assert_eq!(stuck.hear()["say"], "keep");
    });
    going.more(20).await;
    going.stop();
    talker.await.unwrap();
    assert_eq!(serving.terminate().await, Some(0));
}

pub(crate) async fn a_real_one_that_is_killed_or_frozen_at_a_random_moment(db: Db) {
    let site = Site::new(&db);
    let mut serving = site.serve().await;
    let mut line = Lines::enter(serving.tcp, "line").await;
    let (mut came_to_nothing, mut frozen) = (0, 0);
    for round in 0..20u32 {
        let mut child = site.successor(&serving).spawn().unwrap();
        // The moment is what varies; by the end most would have taken over.
        let moment = Duration::from_millis(u64::from(round) * 6);
        let took_over = tokio::time::timeout(moment, async {
            while serving.runs() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        if took_over.await.is_err() && round % 4 == 3 {
            kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
            frozen += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Either it never had anything, or it had everything and went with it.
        let text = format!("round {round}");
        match tokio::time::timeout(DEADLINE, line.try_say("general", &text)).await {
            Ok(true) => came_to_nothing += 1,
            Ok(false) => {
                assert_eq!(serving.ends().await, Some(0), "it had let go");
                serving = site.serve().await;
                line = Lines::connect(serving.tcp).await;
                line.command("/join general").await.unwrap();
            }
            Err(_) => panic!("round {round}: neither goes on"),
        }
    }
    assert!(
        came_to_nothing > 0 && frozen > 0,
        "{came_to_nothing}, {frozen}"
    );
    assert_eq!(serving.terminate().await, Some(0));
}

/// Lines that may find their connection gone.
impl Lines {
    async fn try_say(&mut self, room: &str, text: &str) -> bool {
        if self.lines.say(text).await.is_err() {
            return false;
        }
        loop {
            match self.line().await {
                None => return false,
                Some(line) if line.starts_with(&format!("[{room}]")) && line.ends_with(text) => {
                    return true;
                }
                Some(_) => {}
            }
        }
    }
}

pub(crate) async fn what_does_not_fit_is_refused_politely(db: Db) {
    let site = Site::new(&db);
    let serving = site.serve().await;
    let mut line = Lines::enter(serving.tcp, "line").await;
    let ask = |change: fn(&mut Value)| {
        tokio::task::block_in_place(|| {
            let mut impostor = Impostor::connect(&site);
            let mut asked = request(&site);
            change(&mut asked);
            impostor.say(&asked);
            impostor.hear()["error"]["code"].clone()
        })
    };
    assert_eq!(ask(|asked| asked["format"] = 999.into()), "format");
    assert_eq!(ask(|asked| asked["database"] = "other".into()), "database");
    assert_eq!(ask(|asked| asked["pid"] = "x".into()), "bad_request");
    // A real one whose settings changed meanwhile.
    let mut other_port = site.command((serving.tcp.port() + 1, serving.http.port()));
    other_port.arg("--take-over");
    let mut other_database = site.successor(&serving);
    let elsewhere = tempfile::tempdir().unwrap();
    let other = format!("sqlite://{}/other.db", elsewhere.path().display());
    other_database.env("DISCORDCTL_DB_URL", other);
    for command in [other_port, other_database] {
        let Err((code, told)) = start(command).await else {
            panic!("it must not start");
        };
        assert_eq!(code, Some(75), "{told}");
    }
    line.say("general", "still here").await.unwrap();
    assert_eq!(serving.terminate().await, Some(0));
}

pub(crate) async fn a_predecessor_of_another_format_is_left_alone(db: Db) {
    let site = Site::new(&db);
    std::fs::create_dir(site.socket().parent().unwrap()).unwrap();
    let listener = UnixListener::bind(site.socket()).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let offer = json!({ "say": "offer", "format": 999, "rooms": [] });
        writeln!(stream, "{{\"ok\":{{}}}}\n{offer}").unwrap();
        // Until the other has had enough.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let mut command = site.command((0, 0));
    command.arg("--take-over");
    let Err((code, told)) = start(command).await else {
        panic!("it must not start");
    };
    assert_eq!(code, Some(75), "{told}");
    assert!(told.contains("take-over"), "{told}");
    answering.join().unwrap();
}
