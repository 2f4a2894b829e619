//! The line protocol's corners: how netcat, telnet and broken clients talk.
use crate::support::client::{Lines, Person};
use crate::support::server::start;

#[tokio::test(flavor = "multi_thread")]
async fn a_script_piped_into_netcat_is_answered_to_its_end() {
    let local = start(|_| {}).await;
    let mut nc = Lines::connect(local.tcp).await;
    nc.write(b"/nick a\n/join general\nhi\nho").await;
    nc.lines.end().await.expect("half closed");
    let mut lines = Vec::new();
    while let Some(line) = nc.line().await {
        lines.push(line);
    }
    assert_eq!(
        lines,
        [
            "[system] you are now a",
            "[system] a joined general",
            "[general] a: hi",
            "[general] a: ho"
        ]
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quit_comes_after_everything_that_was_said() {
    let local = start(|_| {}).await;
    let mut nc = Lines::connect(local.tcp).await;
    nc.write(b"/join general\r\none\r\ntwo\r\n/leave\r\n/quit\r\nnever\r\n")
        .await;
    let mut lines = Vec::new();
    while let Some(line) = nc.line().await {
        lines.push(line.replace(|c: char| c.is_ascii_digit(), "#"));
    }
    assert!(
        lines[1].ends_with(": one") && lines[2].ends_with(": two"),
        "{lines:?}"
    );
    assert_eq!(
        lines[3..],
        ["[system] you left general", "[system] goodbye"]
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_answered_and_reach_nobody() {
    let local = start(|_| {}).await;
    let mut watcher = Lines::enter(local.tcp, "watcher").await;
    let mut nc = Lines::enter(local.tcp, "nc").await;
    let long = format!("{}\n", "x".repeat(9_000));
    let bad: [(&[u8], &str); 6] = [
        (long.as_bytes(), "longer than 8192 bytes"),
        (b"\xc3\x28\n", "no valid UTF-8"),
        (
            b"\x1b[2Jgone\n",
            "not sent: a message holds no control characters",
        ),
        (b"/nope\n", "there is no command '/nope'"),
        (b"/join he:re\n", "a room name is made of"),
        (b"/create headcount\n", "reserved"),
    ];
    for (bytes, why) in bad {
        nc.write(bytes).await;
        let told = nc.told().await;
        assert!(told.contains(why), "{told:?} for {why}");
    }
    nc.write(b"\xff\xfb\x18\xff\xfd\x01still here\r\0\n").await;
    assert_eq!(nc.see().await.content, "still here");
    assert_eq!(
        watcher.see().await.content,
        "still here",
        "nothing else got through"
    );
    local.stop().await;
}

/// As a web page can have any browser send it: `fetch(…, {method: "POST", mode: "no-cors"})`.
#[tokio::test(flavor = "multi_thread")]
async fn another_protocol_is_turned_away_and_says_nothing_to_anybody() {
    let local = start(|_| {}).await;
    let mut watcher = Lines::enter(local.tcp, "watcher").await;
    let body = "\r\n/nick m\r\n/join general\r\nhi\r\n";
    let request = |line: &str| {
        format!("{line}\r\nHost: 127.0.0.1:9001\r\nContent-Type: text/plain\r\n\r\n{body}")
    };
    let long = format!("GET /{} HTTP/1.1", "x".repeat(9_000));
    let port = format!("port {}", local.http.port());
    for hello in [
        request("POST / HTTP/1.1").into_bytes(),
        request("PUT /x HTTP/1.0").into_bytes(),
        request("PRI * HTTP/2.0").into_bytes(),
        request("\r\nPOST / HTTP/1.1").into_bytes(),
        request(&long).into_bytes(),
        [b"\x16\x03\x01\x02\x00\x01\n".as_slice(), body.as_bytes()].concat(),
        [b"GET /\xff HTTP/1.1\r\n".as_slice(), body.as_bytes()].concat(),
        b"GET / HTTP/1.1".to_vec(),
    ] {
        for piece in [1, hello.len()] {
            let mut nc = Lines::connect(local.tcp).await;
            for bytes in hello.chunks(piece) {
                // It may be closed before everything is written.
                let _ = nc.lines.write(bytes).await;
            }
            let _ = nc.lines.end().await;
            let mut lines = Vec::new();
            while let Some(line) = nc.line().await {
                lines.push(line);
            }
            let [line] = &lines[..] else {
                panic!("{lines:?}")
            };
            assert!(line.starts_with("[system] this port takes"), "{line}");
            assert!(line.contains(&port), "{line}");
        }
    }
    let mut nc = Lines::connect(local.tcp).await;
    let told = nc.command("GET off my lawn").await.expect("answered");
    assert!(told.starts_with("not sent: join a room first"), "{told}");
    nc.command("/join general").await.expect("joined");
    nc.write(b"GET / HTTP/1.1\n").await;
    assert_eq!(nc.see().await.content, "GET / HTTP/1.1");
    assert_eq!(
        watcher.see().await.content,
        "GET / HTTP/1.1",
        "nothing else got through"
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_may_come_in_pieces_and_in_crowds() {
    let local = start(|_| {}).await;
    let mut nc = Lines::connect(local.tcp).await;
    for byte in b"/join general\nslow\n" {
        nc.write(&[*byte]).await;
    }
    assert_eq!(nc.see().await.content, "slow");
    let crowd: String = (0..2_000).map(|n| format!("{n}\n")).collect();
    nc.write(crowd.as_bytes()).await;
    for n in 0..2_000 {
        assert_eq!(nc.see().await.content, n.to_string());
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_leaves_the_room_and_the_name() {
    let local = start(|_| {}).await;
    let mut watcher = Lines::enter(local.tcp, "watcher").await;
    let nc = Lines::enter(local.tcp, "ghost").await;
    assert_eq!(watcher.told().await, "ghost joined general");
    drop(nc);
    assert_eq!(watcher.told().await, "ghost left general");
    let mut again = Lines::connect(local.tcp).await;
    while again.command("/nick ghost").await.is_err() {
        tokio::task::yield_now().await;
    }
    local.stop().await;
}
