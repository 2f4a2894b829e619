//! Under systemd: what it is told, and that it is asked. There is a script in its place here.
use std::fs;
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use tokio::task::spawn_blocking;

use super::folder::Folder;
use crate::support::process::Ours;
use crate::support::{DEADLINE, Ran};

/// Signs of life before something else is given up: half a minute of them.
const MOST_TOLD: usize = 3_000;
const UNIT: &str = "discordctl@1.service";

/// A service as systemd runs it, and what it told.
struct Service {
    child: Ours,
    socket: UnixDatagram,
}

impl Service {
    fn start(folder: &Folder) -> Self {
        let path = folder.path("notify");
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(DEADLINE)).expect("a socket");
        let line = format!("serve --unit {UNIT} --config config/instance1.json");
        let log = fs::File::create(folder.path("journal")).expect("a file");
        let mut command = folder.command(&line);
        command
            .env("NOTIFY_SOCKET", path)
            .env("WATCHDOG_USEC", "20000")
            .stdout(log.try_clone().expect("a file"))
            .stderr(log);
        let child = Ours::spawn(command);
        Self { child, socket }
    }

    /// The next thing it tells that begins so.
    fn tells(&self, start: &str) -> String {
        // Signs of life go on for ever.
        for _ in 0..MOST_TOLD {
            let mut bytes = [0; 512];
            let length = self.socket.recv(&mut bytes).expect("it tells");
            let told = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if told.starts_with(start) {
                return told;
            }
        }
        panic!("it does not tell {start}");
    }
}

/// The program, where `systemctl` is that script; what it is asked to do is noted in `asked`.
/// It says that the main process of the unit is the one in the instance's file.
async fn with_systemctl(folder: &Folder, script: &str, line: &str) -> Ran {
    let asked = folder.path("asked");
    let asked = asked.display();
    let main_pid = folder.path("main-pid").display().to_string();
    let text = format!(
        "#!/bin/sh\n[ \"$2\" = --property=MainPID ] && exec cat {main_pid}\n\
         echo \"$@\" >> {asked}\n{script}\n"
    );
    fs::create_dir_all(folder.path("bin")).expect("a folder");
    folder.script("bin/systemctl", &text);
    let mut command = folder.command(&format!("{line} -o json"));
    let paths = std::env::var("PATH").expect("a PATH");
    command.env("PATH", format!("{}:{paths}", folder.path("bin").display()));
    Ran::of(command).await
}

fn asked(folder: &Folder) -> String {
    fs::read_to_string(folder.path("asked")).expect("it was asked")
}

#[tokio::test]
async fn a_service_says_when_it_is_ready_alive_and_stopping() {
    let folder = Folder::embedded(1);
    let mut service = Service::start(&folder);
    let (service, ready) = spawn_blocking(move || {
        let ready = service.tells("READY=1");
        assert_eq!(service.tells("WATCHDOG=1"), "WATCHDOG=1");
        let pid = service.child.id();
        assert!(
            ready.contains(&format!("MAINPID={pid}\nSTATUS=")),
            "{ready}"
        );
        service.child.signal(Signal::TERM);
        service.tells("STOPPING=1");
        let ended = service.child.wait().expect("ours");
        assert_eq!(ended.code(), Some(0));
        (service, ready)
    })
    .await
    .expect("it told");
    assert!(ready.contains("TCP on port"), "{ready}");
    drop(service);
}

#[tokio::test]
async fn what_systemd_runs_is_stopped_and_restarted_by_it() {
    let folder = Folder::embedded(1);
    let service = Service::start(&folder);
    let service = spawn_blocking(move || {
        service.tells("READY=1");
        service
    });
    let service = service.await.expect("it is ready");
    let status = folder.run("status").await.exits(0);
    assert_eq!(status.each("unit"), [UNIT]);

    // A file may name any unit; systemd knows better.
    fs::write(folder.path("main-pid"), "MainPID=1\n").expect("a file");
    let stop = with_systemctl(&folder, "exit 0", "stop").await.exits(69);
    stop.says("does not say that pid");
    assert!(!folder.path("asked").exists());
    let main_pid = format!("MainPID={}\n", service.child.id());
    fs::write(folder.path("main-pid"), main_pid).expect("a file");

    // systemd says that it did, and another process is there: here, the same one still.
    let line = "restart --within 200ms";
    let failed = with_systemctl(&folder, "exit 0", line).await.exits(2);
    let why = failed.each("why")[0].to_string();
    assert!(why.contains("the process from before"), "{why}");
    assert_eq!(asked(&folder), format!("restart -- {UNIT}\n"));
    let failed = with_systemctl(&folder, "echo no >&2; exit 1", line)
        .await
        .exits(2);
    let why = failed.each("why")[0].to_string();
    assert!(why.contains("no"), "{why}");

    let line = "restart --rolling --allow-downtime --binary bin/systemctl";
    let refused = with_systemctl(&folder, "exit 0", line).await;
    refused.exits(64).says(UNIT);

    fs::remove_file(folder.path("asked")).expect("ours");
    let stop = with_systemctl(&folder, "exit 0", "stop").await.exits(0);
    assert_eq!(stop.each("result"), ["stopped by systemd"]);
    assert_eq!(asked(&folder), format!("stop -- {UNIT}\n"));
    drop(service);
}

#[tokio::test]
async fn an_enabled_unit_of_that_very_file_is_started_by_systemd() {
    let folder = Folder::embedded(1);
    let file = folder.path("config/instance1.json");
    let enabled = |file: &str| {
        format!(
            "echo UnitFileState=enabled\n\
             echo 'ExecStart={{ path=/x ; argv[]=/x serve --config {file} ; ignore_errors=no }}'"
        )
    };
    // A unit of the same name for another file is none of this folder's business.
    let other = enabled("/etc/discordctl/instance1.json");
    let started = with_systemctl(&folder, &other, "start").await.exits(0);
    assert_eq!(started.each("result"), ["started"]);
    folder.run("stop").await.exits(0);
    let ours = enabled(file.to_str().expect("UTF-8"));
    let started = with_systemctl(&folder, &ours, "start --within 200ms").await;
    started.exits(75);
    let asked = asked(&folder);
    assert!(asked.ends_with(&format!("start -- {UNIT}\n")), "{asked}");
}
