//! The two listeners of an instance, as a client meets them.
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::super::finding::{Finding, Verdict};
use super::super::http;
use super::Deadline;
use crate::config::Config;
use crate::model::{Cause, plain_line};

/// All of `limits.connections` are taken.
const USED_UP: &str =
    "connections used up (limits.connections); 'discordctl connections' lists them";
/// A greeting is one line, and no longer.
const GREETING: usize = 1_024;

/// Where a client on this machine finds a port of an instance.
pub(in crate::ops) fn address(config: &Config, port: u16) -> SocketAddr {
    let host = match config.bind {
        IpAddr::V4(bind) if bind.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(bind) if bind.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        bind => bind,
    };
    SocketAddr::new(host, port)
}

/// Whether lines are answered with a greeting.
///
/// Where nothing answers, that is `because`.
pub(super) async fn tcp(
    on: &str,
    address: SocketAddr,
    because: Cause,
    deadline: Deadline,
) -> Finding {
    const CHECK: &str = "tcp";
    let start = Instant::now();
    let bad = |level, why: String, cause| {
        let detail = format!("{address}: {why}");
        Finding::bad(CHECK, on, level, detail).because(cause)
    };
    let greeting = match deadline.bound(greeting(address)).await {
        Ok(Ok(greeting)) => greeting,
        Ok(Err(error)) => return bad(Verdict::Critical, said(&error), because),
        Err(late) => return bad(Verdict::Critical, late.to_string(), because),
    };
    if greeting.starts_with("[system] welcome") {
        return Finding::ok(CHECK, on, format!("{address} greets")).took(start.elapsed());
    }
    if greeting.starts_with("[system] the server is full") {
        return bad(Verdict::Critical, USED_UP.into(), Cause::CrowdedOut);
    }
    match greeting.strip_prefix("[system] ") {
        Some(why) => {
            let detail = format!("{address}: it says \"{why}\"");
            Finding::bad(CHECK, on, Verdict::Warning, detail)
                .fix("it turned this client away; discordctl connections shows who is there")
        }
        None => bad(
            Verdict::Critical,
            "something else than discordctl answers there".into(),
            Cause::Taken,
        ),
    }
}

async fn greeting(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let mut line = Vec::new();
    let mut part = [0u8; GREETING];
    while !line.contains(&b'\n') && line.len() < GREETING {
        match stream.read(&mut part).await? {
            0 => break,
            n => line.extend_from_slice(&part[..n]),
        }
    }
    let text = String::from_utf8_lossy(&line);
    let first = text.lines().next().unwrap_or_default();
    Ok(plain_line(first))
}

fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".into(),
        _ => error.to_string(),
    }
}

/// What `/readyz` says, and whether it is this instance that says it.
pub(super) async fn http(
    on: &str,
    address: SocketAddr,
    because: Cause,
    deadline: Deadline,
) -> (Finding, Option<Value>) {
    const CHECK: &str = "http";
    let start = Instant::now();
    let bad = |level, why: String, cause| {
        let detail = format!("{address}: {why}");
        Finding::bad(CHECK, on, level, detail).because(cause)
    };
    let answer = http::get(address, "/readyz", "application/json", deadline.left()).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return (bad(Verdict::Critical, error.to_string(), because), None),
    };
    let body = answer.json();
    let finding = match body["instance"].as_str() {
        None if body["code"] == "full" => bad(Verdict::Critical, USED_UP.into(), Cause::CrowdedOut),
        None => bad(
            Verdict::Critical,
            "something else than discordctl answers there".into(),
            Cause::Taken,
        ),
        Some(name) if name != on => bad(
            Verdict::Critical,
            format!("the instance '{name}' answers there"),
            Cause::Taken,
        ),
        Some(_) if body["ready"] == true => {
            Finding::ok(CHECK, on, format!("{address} is ready")).took(start.elapsed())
        }
        Some(_) => {
            let reason = body["reason"].as_str().unwrap_or("not ready");
            // Beside that, only its database keeps it from being ready.
            let (level, cause) = match reason {
                "draining" => (Verdict::Warning, Cause::Leaving),
                _ => (Verdict::Critical, Cause::DatabaseAway),
            };
            bad(level, format!("not ready: {reason}"), cause)
        }
    };
    (finding, Some(body))
}
