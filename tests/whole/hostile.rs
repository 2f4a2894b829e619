//! Random and mutated bytes to a real server on every way in: it lives, no other client is shown any
//! of it, and it keeps no memory of it. `DISCORDCTL_TEST_INPUTS` says how many; 2,000 without it.
//! `DISCORDCTL_TEST_BINARY` is the program that they are sent to, if not the one that was just built.
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::support::need::left_out;
use crate::support::process::{Process, program, serve};

/// What is mutated: proper input, for each way in.
const LINES: &[&[u8]] = &[
    b"hello\n",
    b"/join general\n",
    b"/nick alice\n",
    b"/history 10 5\n",
    b"/create room\r\n",
    b"//slash\n",
    b"/list\n/rooms\n/leave\n",
];
// A proper connect would be a session each time, which is kept.
const REQUESTS: &[&[u8]] = &[
    b"GET /api/messages/general?after=5&history=3 HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 7\r\n\r\n",
    b"GET /api/history/general?before=9&limit=50 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /api/connect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"nickname\":\"al!ce\"}",
    b"POST /api/message HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 47\r\n\r\n{\"session_id\":\"x\",\"room\":\"general\",\"content\":1}",
    b"POST /api/command HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n0\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\r\n",
];
const UPGRADE: &[u8] = b"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const FRAMES: &[&[u8]] = &[
    b"\x81\xa2\0\0\0\0{\"type\":\"connect\",\"nickname\":\"mm\"}",
    b"\x81\xa5\0\0\0\0{\"type\":\"command\",\"command\":\"/list\"} ",
    b"\x89\x82\0\0\0\0hi",
    b"\x88\x82\0\0\0\0\x03\xe8",
    b"\x01\x83\0\0\0\0abc\x80\x83\0\0\0\0def",
    b"\x81\xfe\x01\x00\0\0\0\0",
];
/// A room whose name no input has.
const QUIET: &str = "quiet-corner-5f2a9c";
/// What others may publish in its name. None of it is next there, for that would be believed.
const ANNOUNCED: &[&[u8]] = &[
    br#"{"id":90000001,"seq":90000000,"room":"quiet-corner-5f2a9c","user":"mallory","content":"hear me","created_at":"2026-01-15T10:30:00.000Z","instance":"another"}"#,
    br#"{"id":-90000001,"seq":-90000000,"room":"quiet-corner-5f2a9c","user":"","content":"\ud83d\u0007","created_at":"yesterday","instance":null}"#,
    br#"[90000001,90000000,"quiet-corner-5f2a9c",{"a":[[[[]]]]}]"#,
    b"4294967296",
];
/// How much a server may have grown by, whatever was sent.
const GROWTH_KIB: u64 = 64 << 10;

struct Server {
    process: Process,
    tcp: u16,
    http: u16,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let mut command = serve(program(), (0, 0));
        command
            .current_dir(folder.path())
            .envs(settings.iter().copied())
            .stderr(log);
        let process = Process::launch(command).expect("the server starts");
        let (tcp, http) = process.ports();
        Self {
            process,
            tcp,
            http,
            folder,
        }
    }

    fn assert_well(&mut self) {
        assert!(self.process.runs(), "it lives");
        let log = std::fs::read_to_string(self.folder.path().join("log")).expect("a log");
        assert!(!log.contains("panick"), "{log}");
        // Ready is a matter of how busy this machine is.
        let mut stream = connect(self.http);
        stream
            .write_all(b"GET /livez HTTP/1.0\r\n\r\n")
            .expect("taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(
            answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200"),
            "{answer}"
        );
    }
}

/// Small, quick and repeatable: xorshift.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }

    /// Anything, or proper input with something wrong.
    fn input(&mut self, seeds: &[&[u8]]) -> Vec<u8> {
        if self.below(8) == 0 {
            return (0..self.below(200))
                .map(|_| self.below(256) as u8)
                .collect();
        }
        let mut bytes = seeds[self.below(seeds.len())].to_vec();
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes.truncate(at),
                3 => bytes.insert(at, self.below(256) as u8),
                4 => bytes.extend_from_within(at..),
                _ => drop(bytes.remove(at)),
            }
            if bytes.is_empty() {
                bytes.push(b'\n');
            }
        }
        bytes
    }
}

fn inputs() -> usize {
    let asked = std::env::var("DISCORDCTL_TEST_INPUTS").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

fn connect(port: u16) -> TcpStream {
    // A million connections use up the ports of an address for a while.
    let stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                std::thread::sleep(Duration::from_millis(100));
            }
            connected => break connected.expect("it listens"),
        }
    };
    let within = Some(Duration::from_secs(30));
    stream.set_read_timeout(within).expect("a socket");
    stream.set_write_timeout(within).expect("a socket");
    stream
}

/// Sends many, `on_one` over each connection: what is wrong may end it.
fn attack(port: u16, greeting: &[u8], seeds: &[&[u8]], on_one: usize) {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut left = inputs();
    let mut answers = vec![0; 64 << 10];
    while left > 0 {
        let mut stream = connect(port);
        stream.write_all(greeting).expect("it listens");
        for _ in 0..on_one.min(left) {
            left -= 1;
            if stream.write_all(&chance.input(seeds)).is_err() {
                break;
            }
        }
        // Until it has dealt with all of them, or has had enough.
        let _ = stream.shutdown(Shutdown::Write);
        while matches!(stream.read(&mut answers), Ok(1..)) {}
    }
}

/// Publishes many, in the name of other instances; how many of them were heard.
fn publish(redis: &str) -> usize {
    let address = redis.strip_prefix("redis://").expect("a plain URL");
    let mut stream = TcpStream::connect(address).expect("Redis listens");
    let mut replies = BufReader::new(stream.try_clone().expect("a socket")).lines();
    let mut tell = |channel: &str, payloads: &[Vec<u8>]| -> usize {
        let mut commands = Vec::new();
        for payload in payloads {
            let lengths = (channel.len(), payload.len());
            write!(
                commands,
                "*3\r\n$7\r\nPUBLISH\r\n${}\r\n{channel}\r\n",
                lengths.0
            )
            .and_then(|()| write!(commands, "${}\r\n", lengths.1))
            .expect("memory");
            commands.extend_from_slice(payload);
            commands.extend_from_slice(b"\r\n");
        }
        stream.write_all(&commands).expect("Redis takes it");
        let mut hearers = || {
            let reply = replies.next().expect("a reply").expect("text");
            reply
                .strip_prefix(':')
                .and_then(|n| n.parse::<usize>().ok())
        };
        payloads.iter().map(|_| hearers().expect("a number")).sum()
    };
    let (quiet, headcount) = (format!("room:{QUIET}"), "room:headcount");
    while tell(&quiet, &[b"is anybody there".to_vec()]) == 0 {}
    let (mut chance, mut left, mut heard) = (Chance(0x2545_f491_4f6c_dd1d), inputs(), 0);
    while left > 0 {
        let count = left.min(64);
        let payloads: Vec<_> = (0..count).map(|_| chance.input(ANNOUNCED)).collect();
        let channel = if chance.below(8) == 0 {
            headcount
        } else {
            &quiet
        };
        heard += tell(channel, &payloads);
        left -= count;
    }
    heard
}

/// A reader of a room whose name no input has.
struct Witness(TcpStream);

impl Witness {
    fn watch(server: &Server) -> Self {
        let mut stream = connect(server.tcp);
        writeln!(stream, "/create {QUIET}").expect("taken");
        let mut witness = Self(stream);
        while !witness.heard().contains(&format!("joined {QUIET}")) {}
        witness
    }

    fn heard(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while line.last() != Some(&b'\n') {
            self.0.read_exact(&mut byte).expect("it goes on");
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("UTF-8")
    }

    /// The next thing that it is shown is its own.
    fn saw_nothing(mut self) {
        self.0.write_all(b"nothing happened\n").expect("taken");
        let heard = self.heard();
        assert!(heard.ends_with(": nothing happened\n"), "{heard}");
        self.0.set_nonblocking(true).expect("a socket");
        let more = self.0.read(&mut [0]);
        assert_eq!(more.expect_err("no more").kind(), ErrorKind::WouldBlock);
    }
}

fn survives(settings: &[(&str, &str)], attack: impl FnOnce(&Server)) {
    let mut server = Server::start(settings);
    let witness = Witness::watch(&server);
    let before = server.process.resident_kib();
    attack(&server);
    server.assert_well();
    witness.saw_nothing();
    let grown = server.process.resident_kib().saturating_sub(before);
    println!("{} inputs: {grown} KiB more", inputs());
    assert!(grown < GROWTH_KIB, "grown by {grown} KiB");
}

#[test]
fn lines_of_any_kind_do_no_harm() {
    survives(&[], |server| attack(server.tcp, b"", LINES, 50));
}

#[test]
fn requests_of_any_kind_do_no_harm() {
    survives(&[], |server| attack(server.http, b"", REQUESTS, 2));
}

#[test]
fn frames_of_any_kind_do_no_harm() {
    survives(&[], |server| attack(server.http, UPGRADE, FRAMES, 4));
}

#[test]
fn announcements_of_any_kind_do_no_harm() {
    let Ok(redis) = std::env::var("DISCORDCTL_TEST_REDIS") else {
        return left_out("redis", "DISCORDCTL_TEST_REDIS names no Redis");
    };
    survives(&[("DISCORDCTL_REDIS_URL", &redis)], |_| {
        let heard = publish(&redis);
        assert!(heard > inputs() / 2, "{heard} of {} were heard", inputs());
    });
}

/// What was asked for and is not taken is made when it is taken.
#[test]
fn answers_that_are_not_taken_are_not_kept() {
    let settings = [
        ("DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE", "0"),
        ("DISCORDCTL_LIMITS_REQUESTS_PER_MINUTE", "0"),
    ];
    survives(&settings, |server| {
        let mut talker = connect(server.tcp);
        let mut lines = b"/join general\n".to_vec();
        let text = "x".repeat(3_990);
        for n in 0..1_000 {
            writeln!(lines, "{n:04} {text}").expect("memory");
        }
        lines.extend_from_slice(b"/quit\n");
        let mut taken = talker.try_clone().expect("a socket");
        let reader = std::thread::spawn(move || std::io::copy(&mut taken, &mut std::io::sink()));
        talker.write_all(&lines).expect("taken");
        reader.join().expect("no panic").expect("a clean end");
        let asked = [b"/join general\n".to_vec(), b"/history 500\n".repeat(600)].concat();
        let deaf: Vec<_> = (0..2)
            .map(|_| {
                let mut stream = connect(server.tcp);
                stream.write_all(&asked).expect("taken");
                stream
            })
            .collect();
        let streams: Vec<_> = (0..8)
            .map(|_| {
                let mut stream = connect(server.http);
                let get = b"GET /api/messages/general?history=1000000000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
                stream.write_all(get).expect("taken");
                stream.read_exact(&mut [0; 4096]).expect("it begins");
                stream
            })
            .collect();
        // They have got as far as they get when another that asks has an answer.
        let mut other = connect(server.tcp);
        other
            .write_all(b"/join general\n/history 500\n/quit\n")
            .expect("taken");
        let mut answer = Vec::new();
        other.read_to_end(&mut answer).expect("an answer");
        assert!(answer.len() > 500 * 3_990);
        let held = server.process.resident_kib();
        assert!(held < 200 << 10, "{held} KiB are held");
        drop((deaf, streams));
    });
}
