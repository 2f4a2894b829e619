//! The real program as processes of its own, each ended by the handle that its test holds.
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use super::{DEADLINE, in_time};

/// The program under test, or the one that `DISCORDCTL_TEST_BINARY` names.
pub(crate) fn binary() -> String {
    let other = std::env::var("DISCORDCTL_TEST_BINARY");
    other.unwrap_or_else(|_| env!("CARGO_BIN_EXE_discordctl").to_owned())
}

/// That program, with no settings that the caller happens to have.
pub(crate) fn program() -> Command {
    without_settings(Command::new(binary()))
}

/// Puts a program there, as a copy of a file. Another process writes it: one of ours, forked at that
/// moment by another test, would have it open for writing, and then it cannot be run.
pub(crate) fn put_program(from: &Path, to: &Path) {
    let mut install = Command::new("install");
    let put = install.args(["-m", "755"]).arg(from).arg(to).status();
    assert!(put.expect("install").success(), "cannot write {to:?}");
}

/// The same of a script.
pub(crate) fn put_script(text: &str, to: &Path) {
    let written = to.with_extension("text");
    std::fs::write(&written, text).expect("a script");
    put_program(&written, to);
}

pub(crate) fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DISCORDCTL_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Has `program` serve on these ports; 0 is one that the system chooses.
pub(crate) fn serve(mut program: Command, (tcp, http): (u16, u16)) -> Command {
    program
        .arg("serve")
        .args(["--tcp-port", &tcp.to_string()])
        .args(["--http-port", &http.to_string()]);
    program
}

/// Without limits that a test would meet, and a stop that takes no time.
pub(crate) fn unlimited(mut command: Command) -> Command {
    command
        .env("DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE", "0")
        .env("DISCORDCTL_LIMITS_REQUESTS_PER_MINUTE", "0")
        .env("DISCORDCTL_DRAIN_SPREAD", "50ms");
    command
}

/// A process of a test's own. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Ours(Child);

impl Ours {
    pub(crate) fn spawn(mut command: Command) -> Self {
        let child = command.spawn();
        Self(child.unwrap_or_else(|e| panic!("{command:?}: {e}")))
    }

    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.try_wait(), Ok(None))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self), signal).expect("a process of ours");
    }

    /// As if the power went: nothing is told, nothing is flushed.
    ///
    /// # Panics
    /// If there was nothing to kill.
    pub(crate) fn kill(&mut self) {
        assert!(self.runs(), "it had ended before it was killed");
        self.0.kill().expect("ours");
        self.0.wait().expect("ours");
    }
}

impl Deref for Ours {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Ours {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One that serves.
#[derive(Debug)]
pub(crate) struct Process {
    child: Ours,
    pub(crate) tcp: SocketAddr,
    pub(crate) http: SocketAddr,
}

impl Process {
    /// Runs what `serve` made, and returns when it takes clients; if it ends instead, its exit code
    /// and, where they are piped, its last words.
    pub(crate) fn launch(mut command: Command) -> Result<Self, (Option<i32>, String)> {
        command.stdout(Stdio::piped());
        let mut child = Ours::spawn(command);
        let told = child.stderr.take().map(|mut errors| {
            thread::spawn(move || {
                let mut told = String::new();
                let _ = errors.read_to_string(&mut told);
                told
            })
        });
        let (sender, greeting) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        thread::spawn(move || {
            let mut lines = stdout.lines().map_while(Result::ok);
            let _ = sender.send(lines.by_ref().take(3).collect::<Vec<_>>());
            // What else it says has somewhere to go.
            lines.for_each(drop);
        });
        let greeting = greeting.recv_timeout(DEADLINE).unwrap_or_default();
        if let [tcp, http, _] = &greeting[..] {
            let (tcp, http) = (address(tcp), address(http));
            return Ok(Self { child, tcp, http });
        }
        let _ = child.0.kill();
        let code = child.wait().expect("ours").code();
        let told = told.map(|told| told.join().expect("no panic"));
        Err((code, told.unwrap_or_default()))
    }

    /// The same, while the test's other tasks go on.
    pub(crate) async fn try_start(command: Command) -> Result<Self, (Option<i32>, String)> {
        let launching = tokio::task::spawn_blocking(|| Self::launch(command));
        launching.await.expect("no panic")
    }

    /// # Panics
    /// If it does not come to serve.
    pub(crate) async fn start(command: Command) -> Self {
        let started = Self::try_start(command).await;
        started.unwrap_or_else(|(code, told)| panic!("it does not serve: {code:?}: {told}"))
    }

    pub(crate) fn ports(&self) -> (u16, u16) {
        (self.tcp.port(), self.http.port())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.child.runs()
    }

    pub(crate) fn resident_kib(&self) -> u64 {
        resident_kib(self.pid())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill();
    }

    /// Waits for its own end; the exit code.
    pub(crate) async fn ends(mut self) -> Option<i32> {
        let end = async {
            while self.child.runs() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        in_time("its end", end).await;
        self.child.wait().expect("ours").code()
    }

    /// SIGTERM; the exit code.
    pub(crate) async fn terminate(self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.ends().await
    }

    /// `folder` as the process sees it.
    pub(crate) fn inside(&self, folder: &Path) -> PathBuf {
        let root = Path::new("/proc").join(self.pid().to_string()).join("root");
        root.join(folder.strip_prefix("/").expect("an absolute path"))
    }
}

pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// Where a line of the greeting says that it listens.
fn address(line: &str) -> SocketAddr {
    let port = line.trim_end_matches('/').rsplit([' ', ':']).next();
    let port = port.and_then(|port| port.parse().ok());
    SocketAddr::from(([127, 0, 0, 1], port.expect("a port in the greeting")))
}

/// A port that is free, below those that the system gives to all that ask for any: none of them
/// gets it by chance before it is used.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id() * 61;
        let port = 10_000 + (next % 20_000) as u16;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
