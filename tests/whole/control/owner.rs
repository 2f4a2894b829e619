//! Which users may control an instance, and what the others are answered, and nonsense.
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::control::operator::{serve, serve_in};

use crate::support::client::post;
use crate::support::process::{binary, put_program};
use crate::support::{Ran, eventually};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_for_its_owner_and_goes_with_the_instance() {
    let (server, operator) = serve().await;
    let socket = operator.path("run/one.sock");
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(&operator.path("run")), 0o700);
    let (status, _) = post(server.http, "/drain", json!({})).await;
    assert_eq!(status, 404, "no admin over HTTP");
    assert_eq!(server.terminate().await, Some(0));
    assert!(!socket.exists());
    let refused = operator.run("connections").await.exits(69);
    assert_eq!(refused.problem()["code"], "not_running");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_socket_is_no_obstacle() {
    let (mut server, operator) = serve().await;
    server.kill();
    assert!(operator.path("run/one.sock").exists());
    operator.run("drain").await.exits(69);
    let (server, operator) = serve_in(operator).await;
    operator.run("connections").await.well();
    assert_eq!(server.terminate().await, Some(0));
}

/// As a cleaner of old files does it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_from_under_a_running_instance_is_there_again() {
    let (server, operator) = serve().await;
    let run = operator.path("run");
    std::fs::remove_file(run.join("one.sock")).unwrap();
    operator.run("connections").await.well();
    // The instance may be putting back what is in it already.
    let removed = async || std::fs::remove_dir_all(&run).is_ok();
    eventually("it is removed", removed).await;
    eventually("it is known and can be asked", async || {
        operator.run("status").await.code == Some(0)
            && operator.run("connections").await.code == Some(0)
    })
    .await;
    assert_eq!(mode(&run), 0o700);
    assert_eq!(server.terminate().await, Some(0));
    assert!(!run.join("one.sock").exists() && !run.join("one.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_refused_even_where_the_files_would_let_them() {
    if !rustix::process::geteuid().is_root() {
        return crate::support::need::left_out("root", "only root can act as another user");
    }
    let (server, operator) = serve().await;
    for path in ["", "run", "run/one.sock", "one.json"] {
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(operator.path(path), open).unwrap();
    }
    // The binary may lie where others cannot go.
    let program = operator.path("discordctl");
    put_program(Path::new(&binary()), &program);
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--clear-groups"])
        .arg(program)
        .args(["drain", "-o", "json", "--config"])
        .arg(operator.path("one.json"));
    Ran::of(command).await.exits(77).says("only the user");
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_and_hurts_nobody() {
    let (server, operator) = serve().await;
    let path = operator.path("run/one.sock");
    let ask = |bytes: Vec<u8>| {
        let path = path.clone();
        tokio::task::spawn_blocking(move || {
            let mut stream = UnixStream::connect(path).unwrap();
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            serde_json::from_str::<Value>(&line).unwrap_or_default()
        })
    };
    for bad in [
        "{}\n",
        "[1,2\n",
        "\u{1b}[2J\n",
        "{\"ask\":\"shutdown\"}\n",
        "{\"ask\":\"drain\",\"more\":1}\n",
        "{\"ask\":\"connections\",\"most\":-1}\n",
        "{\"ask\":\"disconnect\"}\n",
        "{\"ask\":\"drain\"}",
    ] {
        let answer = ask(bad.into()).await.unwrap();
        assert_eq!(answer["error"]["code"], "bad_request", "{bad}: {answer}");
        assert!(!answer.to_string().contains('\u{1b}'));
    }
    let answer = ask(vec![b'x'; 200_000]).await.unwrap();
    assert_eq!(answer["error"]["code"], "bad_request");
    // Several requests may share a connection.
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .write_all(b"{\"ask\":\"drain\"}\n{\"ask\":\"undrain\"}\n")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    let draining = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        answer["ok"]["draining"].clone()
    };
    let states: Vec<Value> = answers.lines().map(draining).collect();
    assert_eq!(states, [json!(true), json!(false)]);
    assert!(operator.connections().await.is_empty());
    assert_eq!(server.terminate().await, Some(0));
}
