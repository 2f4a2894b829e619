//! Finding what was said, by every door: of the rooms that one may read now, and as if there were no others.
use serde_json::{Value, json};

use super::rooms::Caller;
use super::{in_room, named, says, serve, tells};
use crate::support::Shell;
use crate::support::client::{Person, Socket};
use crate::support::db::Db;

const NONE: Value = Value::Null;

/// The hits of an answer as `room text`, and where the next page begins.
fn found(answer: &Value) -> (Vec<String>, Option<String>) {
    let hits = answer["hits"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    let line = |hit: &Value| {
        let (room, message) = (&hit["room"], &hit["message"]);
        assert_eq!(room, &message["room"], "{hit}");
        let text = |of: &Value| of.as_str().expect("a text").to_owned();
        format!("{} {}", text(room), text(&message["content"]))
    };
    let next = answer["next"].as_str().map(str::to_owned);
    (hits.iter().map(line).collect(), next)
}

fn path(query: &str) -> String {
    let encoded: String = query
        .bytes()
        .map(|byte| match byte {
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect();
    format!("/api/search?q={encoded}")
}

async fn finds(caller: &Caller, query: &str) -> Vec<String> {
    let answer = caller.gets("GET", &path(query), NONE).await;
    assert_eq!(answer["complete"], true, "{query}: {answer}");
    found(&answer).0
}

pub(crate) async fn what_was_said_is_found_by_every_door(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    let mia = Caller::registered(server.http, "mia").await;
    for text in [
        "tea at four",
        "no coffee",
        "Tea and é設定 tea",
        "getUserById",
    ] {
        olga.say("den", text).await.expect("said");
    }
    says(&mut olga, "/msg mia a cup of tea").await;
    let other = serve(&db, named("other")).await;
    let there = Caller::named(other.http, "mia").await;
    let all = [
        "@olga a cup of tea",
        "den Tea and é設定 tea",
        "den tea at four",
    ];
    for mia in [&mia, &there] {
        assert_eq!(finds(mia, "TEA").await, all);
        assert_eq!(finds(mia, "user").await, ["den getUserById"]);
        assert_eq!(finds(mia, "tea -cup in:#DEN").await, all[1..]);
        assert_eq!(finds(mia, "tea in:@olga").await, all[..1]);
        assert_eq!(finds(mia, "tea -in:@olga from:Olga").await, all[1..]);
        assert_eq!(finds(mia, "\"tea at\"").await, all[2..]);
        assert_eq!(finds(mia, "設定").await, all[1..2]);
        assert_eq!(finds(mia, "tea from:mia").await, [""; 0]);
    }
    // A page at a time; what was found is told in characters.
    let mut pages = Vec::new();
    let mut next = Some(String::new());
    while let Some(cursor) = next {
        let cursor = Some(cursor).filter(|cursor| !cursor.is_empty());
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}"));
        let path = format!("{}&limit=1{}", path("tea"), cursor.unwrap_or_default());
        let page = mia.gets("GET", &path, NONE).await;
        if page["hits"][0]["message"]["content"] == "Tea and é設定 tea" {
            assert_eq!(page["hits"][0]["ranges"], json!([[0, 3], [12, 15]]));
        }
        let (hits, more) = found(&page);
        assert!(hits.len() <= 1, "{page}");
        pages.extend(hits);
        next = more;
    }
    assert_eq!(pages, all);

    let mut socket = Socket::connect(server.http, "gast").await;
    let asked = json!({ "type": "search", "q": "tea", "limit": 1 });
    let answer = socket.ask(asked).await.expect("found");
    assert_eq!(found(&answer["data"]).0, all[1..2], "{answer}");
    let told = says(&mut olga, "/search tea").await;
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "3 messages found, the newest first", "{told}");
    assert!(lines[1].starts_with("@mia #1 20"), "{told}");
    assert!(lines[2].ends_with(" olga: Tea and é設定 tea"), "{told}");
    assert!(lines[4].starts_with("what was said around #1: /history 10 6, in @mia"));
    tells(&mut olga, "/search xyzzy", "nothing was found").await;
    tells(
        &mut olga,
        "/search from:",
        "`from:` at character 1 needs a value",
    )
    .await;

    let shell = Shell::on(&db);
    let told = shell.run("search tea --limit 2").await.well();
    assert_eq!(told["schema"], "discordctl.search/1");
    let rooms = [0, 1].map(|n| told["hits"][n]["room"].as_str().expect("a room"));
    assert!(rooms[0].starts_with('@') && rooms[1] == "den", "{told}");
    assert_eq!(told["hits"][1]["ranges"], json!([[0, 3], [12, 15]]));
    let next = told["next"].as_str().expect("there is more");
    let rest = shell
        .run(&format!("search tea --cursor {next}"))
        .await
        .well();
    assert_eq!(rest["hits"][0]["message"]["content"], "tea at four");
    shell.run("search from:").await.exits(64);
    shell.run("search in:nowhere").await.exits(69);

    let refused = async |query: &str, told: (u16, &str)| {
        mia.is_refused("GET", &path(query), NONE, told).await;
    };
    refused("before:tomorrow", (400, "bad_query")).await;
    refused("-tea", (400, "bad_query")).await;
    refused("tea in:nowhere", (404, "no_such_room")).await;
    let bad = format!("{}&cursor=x", path("tea"));
    mia.is_refused("GET", &bad, NONE, (400, "bad_parameter"))
        .await;
    mia.is_refused("GET", "/api/search", NONE, (400, "bad_parameter"))
        .await;
    other.stop().await;
    server.stop().await;
}

pub(crate) async fn what_is_gone_or_changed_is_found_as_it_is(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    let mia = Caller::registered(server.http, "mia").await;
    for text in ["a bluebird", "a redbird", "a greenbird"] {
        olga.say("den", text).await.expect("said");
    }
    assert_eq!(finds(&mia, "redbird").await, ["den a redbird"]);
    says(&mut olga, "/delete 1").await;
    says(&mut olga, "/edit 2 a swan").await;
    for gone in ["bluebird", "redbird"] {
        assert_eq!(finds(&mia, gone).await, [""; 0], "{gone}");
    }
    assert_eq!(finds(&mia, "swan").await, ["den a swan"]);
    tells(&mut olga, "/pin 3", "pinned").await;
    says(&mut olga, "/thread 3 sings").await;
    assert_eq!(finds(&mia, "is:pinned").await, ["den a greenbird"]);
    assert_eq!(finds(&mia, "is:thread in:den").await, ["den sings"]);
    server.stop().await;
}

pub(crate) async fn what_one_may_not_read_is_not_found(db: Db) {
    let server = serve(&db, |_| {}).await;
    let other = serve(&db, named("other")).await;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    olga.say("den", "the needle is open").await.expect("said");
    says(&mut olga, "/create pit --private").await;
    olga.say("pit", "the needle is hidden").await.expect("said");
    let mia = Caller::registered(server.http, "mia").await;
    let there = Caller::named(other.http, "mia").await;
    let (open, both) = (
        ["den the needle is open"].as_slice(),
        ["pit the needle is hidden", "den the needle is open"].as_slice(),
    );
    let eventually = async |wanted: &[&str], what: &str| {
        for mia in [&mia, &there] {
            let found = async || finds(mia, "needle").await == wanted;
            crate::support::eventually(what, found).await;
        }
    };
    // One that may not be seen is answered as one that is not there, and left out as if it were not.
    let answered = async |room: &str| {
        let path = path(&format!("needle in:{room}"));
        let (_, answer) = mia.asks("GET", &path, NONE).await;
        answer.to_string().replace(room, "ROOM")
    };
    eventually(open, "a private room is not there").await;
    assert_eq!(answered("pit").await, answered("nowhere").await);
    assert_eq!(finds(&mia, "needle -in:pit -in:nowhere").await, open);
    let first = format!("{}&limit=1", path("needle"));
    assert_eq!(found(&mia.gets("GET", &first, NONE).await).0, open);

    tells(&mut olga, "/invite mia", "may join pit").await;
    eventually(both, "she was let in").await;
    tells(&mut olga, "/kick mia", "removed").await;
    eventually(open, "she was put out").await;
    says(&mut olga, "/join den").await;
    tells(&mut olga, "/ban mia", "banned").await;
    eventually(&[], "she is banned").await;
    mia.is_refused("GET", &path("needle in:den"), NONE, (403, "banned"))
        .await;
    tells(&mut olga, "/unban mia", "not banned in den any more").await;
    eventually(open, "she is not banned any more").await;
    let owner = Caller::named(server.http, "olga").await;
    let few = json!({ "allow": { "read": "moderator" } });
    owner.gets("PATCH", "/api/rooms/den", few).await;
    eventually(&[], "it takes a moderator to read").await;
    assert_eq!(finds(&owner, "needle").await, both);
    other.stop().await;
    server.stop().await;
}

pub(crate) async fn a_token_finds_what_it_may_read(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    olga.say("den", "a needle").await.expect("said");
    says(&mut olga, "/create pit --private").await;
    olga.say("pit", "another needle").await.expect("said");
    let owner = Caller::named(server.http, "olga").await;
    let token = async |scopes: &[&str], rooms: Value| {
        let new = json!({ "name": "bot", "scopes": scopes, "rooms": rooms });
        let made = owner.gets("POST", "/api/tokens", new).await;
        Caller::by(server.http, made["token"].as_str().expect("a token"))
    };
    let reads = token(&["read"], NONE).await;
    assert_eq!(
        finds(&reads, "needle").await,
        ["pit another needle", "den a needle"]
    );
    let den = token(&["read"], json!(["den"])).await;
    assert_eq!(finds(&den, "needle").await, ["den a needle"]);
    den.is_refused("GET", &path("needle in:pit"), NONE, (404, "no_such_room"))
        .await;
    let writes = token(&["write"], NONE).await;
    writes
        .is_refused("GET", &path("needle"), NONE, (403, "forbidden"))
        .await;
    server.stop().await;
}

pub(crate) async fn strangers_find_what_strangers_may_read(db: Db) {
    let open = serve(&db, |_| {}).await;
    let mut olga = in_room(open.tcp, "olga", "/create den").await;
    olga.say("den", "a needle").await.expect("said");
    says(&mut olga, "/create pit --private").await;
    olga.say("pit", "another needle").await.expect("said");
    let (status, answer) = crate::support::client::get(open.http, &path("needle")).await;
    assert_eq!(
        (status, found(&answer).0),
        (200, vec!["den a needle".into()])
    );
    open.stop().await;
    let closed = serve(&db, |config| {
        config.access.mode = discordctl::config::AccessMode::Members;
        config.search.enabled = false;
    })
    .await;
    let (status, answer) = crate::support::client::get(closed.http, &path("needle")).await;
    assert_eq!((status, &answer["code"]), (401, &json!("account_needed")));
    let olga = Caller::named(closed.http, "olga").await;
    olga.is_refused("GET", &path("needle"), NONE, (404, "search_disabled"))
        .await;
    closed.stop().await;
}
