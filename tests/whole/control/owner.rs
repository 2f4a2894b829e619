//! Who may control an instance, and what becomes of those who may not, or ask nonsense.
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::control::operator::{run, serve};
use crate::support::client::request;
use crate::support::eventually;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_for_its_owner_and_goes_with_the_instance() {
    let folder = tempfile::tempdir().unwrap();
    let (server, operator) = serve(folder.path(), "one").await;
    let socket = folder.path().join("run/one.sock");
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(&folder.path().join("run")), 0o700);
    let (status, _) = request(server.http, "POST", "/drain", None).await;
    assert_eq!(status, 404, "no admin over HTTP");
    assert_eq!(server.terminate().await, Some(0));
    assert!(!socket.exists());
    let (exit, problem) = operator.fail(&["connections"]).await;
    assert_eq!((exit, &problem["code"]), (Some(69), &"not_running".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_socket_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, operator) = serve(folder.path(), "one").await;
    server.kill();
    assert!(folder.path().join("run/one.sock").exists());
    assert_eq!(operator.fail(&["drain"]).await.0, Some(69));
    let (server, operator) = serve(folder.path(), "one").await;
    operator.ask(&["connections"]).await;
    assert_eq!(server.terminate().await, Some(0));
}

/// As a cleaner of old files does it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_from_under_a_running_instance_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let (server, operator) = serve(folder.path(), "one").await;
    let run = folder.path().join("run");
    std::fs::remove_file(run.join("one.sock")).unwrap();
    operator.ask(&["connections"]).await;
    std::fs::remove_dir_all(&run).unwrap();
    eventually("it is known and can be asked", async || {
        operator.fail(&["status"]).await.0 == Some(0)
            && operator.fail(&["connections"]).await.0 == Some(0)
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
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = serve(folder.path(), "one").await;
    for path in ["", "run", "run/one.sock", "one.json"] {
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path().join(path), open).unwrap();
    }
    // The binary may lie where others can't go.
    let binary = folder.path().join("discordctl");
    std::fs::copy(env!("CARGO_BIN_EXE_discordctl"), &binary).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--clear-groups"])
        .arg(binary)
        .args(["drain", "-o", "json", "--config"])
        .arg(folder.path().join("one.json"));
    let ended = run(command).await;
    let problem: Value = serde_json::from_slice(&ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(77), "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("only the user")
    );
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_and_hurts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (server, operator) = serve(folder.path(), "one").await;
    let path = folder.path().join("run/one.sock");
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
    // A few who say nothing keep nobody out for ever, and several requests may share a line.
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
