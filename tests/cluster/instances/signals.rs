//! Signals to an instance: those that mean something, and those that must do nothing.
use std::fs;
use std::os::unix::fs::MetadataExt;

use discordctl::process::Handle;
use rustix::process::Signal;
use serde_json::json;

use super::folder::Folder;
use crate::support::eventually;
use crate::support::http::connect;
use crate::support::process::Ours;

fn handle(folder: &Folder) -> Handle {
    let handle = Handle::open(folder.pids()[0]).expect("ours");
    handle.expect("it runs")
}

#[tokio::test]
async fn nothing_but_what_asks_for_it_ends_an_instance() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    let handle = handle(&folder);
    for signal in [
        Signal::HUP,
        Signal::USR1,
        Signal::USR2,
        Signal::PIPE,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::WINCH,
        Signal::TSTP,
        Signal::TTIN,
        Signal::TTOU,
        Signal::URG,
        Signal::XCPU,
        Signal::XFSZ,
    ] {
        handle.signal(signal).expect("ours");
        connect(folder.instances[0].http, "alice").await;
        assert!(!handle.has_ended().expect("ours"), "{signal:?}");
        folder.run("disconnect alice").await.exits(0);
    }
    handle.signal(Signal::TERM).expect("ours");
    assert!(handle.ended(crate::support::DEADLINE).await.expect("ours"));
    assert!(!folder.files(1).identity.exists(), "it said goodbye");
}

/// As logrotate does it, with and without a signal afterwards.
#[tokio::test]
async fn a_log_that_was_moved_away_is_begun_anew() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    let (log, away) = (folder.files(1).log, folder.path("data/log/away"));
    let inode = || fs::metadata(&log).ok().map(|found| found.ino());
    for signal in [None, Some(Signal::HUP), Some(Signal::USR1)] {
        let before = inode();
        fs::rename(&log, &away).expect("moved");
        if let Some(signal) = signal {
            handle(&folder).signal(signal).expect("ours");
        }
        let anew = || async { inode().is_some_and(|now| Some(now) != before) };
        eventually("it is there again", anew).await;
    }
    fs::remove_file(&log).expect("removed");
    eventually("it is there again", || async { inode().is_some() }).await;
    // What is said from now on is in it.
    folder.run("log-level debug").await.exits(0);
    let said =
        || async { fs::read_to_string(&log).is_ok_and(|text| text.contains("the log level")) };
    eventually("it goes on in the new file", said).await;
}

#[tokio::test]
async fn hup_takes_a_new_level_and_says_what_has_to_wait() {
    let folder = Folder::embedded(1);
    folder.run("start").await.exits(0);
    let log = folder.files(1).log;
    let text = || fs::read_to_string(&log).unwrap_or_default();
    let changed = json!({ "log": { "level": "debug" }, "db_pool": { "max": 7 } });
    folder.configure(1, &changed);
    handle(&folder).signal(Signal::HUP).expect("ours");
    let told = || async { text().contains("db_pool.max") };
    eventually("it says what needs a restart", told).await;
    let level = folder.run("log-level info").await.exits(0);
    assert_eq!(level.each("was"), ["debug"]);
    // What cannot be read changes nothing.
    fs::write(folder.path("config/instance1.json"), "{").expect("written");
    handle(&folder).signal(Signal::HUP).expect("ours");
    let told = || async { text().contains("nothing was reloaded") };
    eventually("it says that it was not", told).await;
    assert!(!handle(&folder).has_ended().expect("ours"));
}

/// A disk that is full, or a pipe without a reader.
#[tokio::test]
async fn what_cannot_be_printed_stops_no_server() {
    let folder = Folder::with(0, &json!({}));
    let full = || fs::File::options().write(true).open("/dev/full");
    let mut command = folder.command("serve --tcp-port 0 --http-port 0");
    let (Ok(out), Ok(errors)) = (full(), full()) else {
        return crate::support::need::left_out("/dev/full", "it is not there");
    };
    command.stdout(out).stderr(errors);
    let mut server = Ours::spawn(command);
    let runs = || async { folder.run("status").await.code == Some(0) };
    eventually("it runs", runs).await;
    folder.run("log-level trace").await.exits(0);
    let stopped = folder.run("stop").await.exits(0);
    assert_eq!(stopped.each("result"), ["stopped"]);
    assert!(server.wait().expect("ours").success());
}
