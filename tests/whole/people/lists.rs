//! Lists of messages: where one is mentioned and what is pinned; and rooms that call no more.
use serde_json::{Value, json};

use super::rooms::Caller;
use super::{in_room, named, registered, says, serve, tells};
use crate::support::client::Person;
use crate::support::db::Db;

const NONE: Value = Value::Null;

/// The messages of a page as `room text`, and where the next begins.
fn listed(page: &Value) -> (Vec<String>, Option<i64>) {
    let messages = page["messages"].as_array().expect("messages").iter();
    let text = |of: &Value, key: &str| of[key].as_str().expect("a text").to_owned();
    let line = |of: &Value| format!("{} {}", text(of, "room"), text(of, "content"));
    (messages.map(line).collect(), page["next"].as_i64())
}

pub(crate) async fn what_mentions_one_is_listed_over_all_rooms(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    let mut max = in_room(server.tcp, "max", "/join den").await;
    let mia = Caller::registered(server.http, "mia").await;
    olga.say("den", "first, @mia").await.expect("said");
    says(&mut olga, "/create pit --private").await;
    tells(&mut olga, "/invite mia", "may join pit").await;
    olga.say("pit", "for @mia in the pit").await.expect("said");
    says(&mut olga, "/msg mia psst @mia").await;
    max.say("den", "@max and @olga, not her")
        .await
        .expect("said");
    max.say("den", "@mia again").await.expect("said");
    let other = serve(&db, named("other")).await;
    let there = Caller::named(other.http, "mia").await;

    // The newest first, whichever room it is in, a page at a time, on any instance.
    for mia in [&mia, &there] {
        let page = mia.gets("GET", "/api/mentions?limit=3", NONE).await;
        let (lines, next) = listed(&page);
        let wanted = [
            "den @mia again",
            "@olga psst @mia",
            "pit for @mia in the pit",
        ];
        assert_eq!(lines, wanted, "{page}");
        assert_eq!(page["messages"][0]["mentions"], json!(["mia"]));
        let next = next.expect("there is more");
        let rest = format!("/api/mentions?limit=3&before={next}");
        let rest = listed(&mia.gets("GET", &rest, NONE).await);
        assert_eq!(rest, (vec!["den first, @mia".to_owned()], None));
    }
    // What is deleted mentions no one, and of a room that one may not read nothing is told.
    let den = db.number("SELECT max(seq) FROM messages WHERE content = '@mia again'");
    says(&mut max, &format!("/delete {}", den.await)).await;
    tells(&mut olga, "/join pit", "pit").await;
    tells(&mut olga, "/kick mia", "removed").await;
    crate::support::until!("the pit is not there for her", {
        let (lines, _) = listed(&there.gets("GET", "/api/mentions", NONE).await);
        lines == ["@olga psst @mia", "den first, @mia"]
    });
    // A page that is looked through in vain says where to go on.
    let hidden = mia.gets("GET", "/api/mentions?limit=1", NONE).await;
    assert_eq!(listed(&hidden).0, ["@olga psst @mia"]);

    let guest = json!({ "nickname": "gast" });
    let (_, guest) = crate::support::client::post(server.http, "/api/connect", guest).await;
    let session = guest["session_id"].as_str().expect("a session");
    let path = format!("/api/mentions?session_id={session}");
    let (status, refused) = crate::support::client::get(server.http, &path).await;
    assert_eq!((status, &refused["code"]), (401, &json!("account_needed")));
    let bad = "/api/mentions?before=x";
    mia.is_refused("GET", bad, NONE, (400, "bad_parameter"))
        .await;
    let mut lines = registered(server.tcp, "zoe").await;
    tells(&mut lines, "/mentions", "0 mentions").await;
    says(&mut olga, "/join den").await;
    olga.say("den", &format!("@zoe {}", "x".repeat(200)))
        .await
        .expect("said");
    let told = says(&mut lines, "/mentions").await;
    assert!(told.contains("1 mention\nden #"), "{told}");
    assert!(
        told.contains(" olga: @zoe xxx") && told.ends_with("x…"),
        "{told}"
    );
    other.stop().await;
    server.stop().await;
}

pub(crate) async fn pinned_messages_are_listed_the_last_first(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    let mia = Caller::registered(server.http, "mia").await;
    for n in 1..=5 {
        olga.say("den", &format!("{n}")).await.expect("said");
    }
    for seq in [4, 1, 3] {
        tells(&mut olga, &format!("/pin {seq}"), "pinned").await;
    }
    let pins = async |query: &str| {
        let path = format!("/api/pins/den?{query}");
        let page = mia.gets("GET", &path, NONE).await;
        let (lines, next) = listed(&page);
        (lines.join(" "), next, page["true_at"].as_i64())
    };
    assert_eq!(
        pins("limit=2").await,
        ("den 4 den 3".into(), Some(3), Some(8))
    );
    assert_eq!(pins("before=3").await, ("den 1".into(), None, Some(8)));
    let told = says(&mut olga, "/pins").await;
    assert_eq!(
        told,
        "den: 3 pinned messages\n#4 olga: 4\n#3 olga: 3\n#1 olga: 1"
    );
    // What is unpinned or deleted is in it no more.
    says(&mut olga, "/unpin 3").await;
    says(&mut olga, "/delete 4").await;
    assert_eq!(pins("").await, ("den 1".into(), None, Some(10)));
    server.stop().await;
}

pub(crate) async fn a_muted_room_calls_for_mentions_alone(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    let mut mia = in_room(server.tcp, "mia", "/join den").await;
    let caller = Caller::named(server.http, "mia").await;
    let stands = async || {
        let me = caller.gets("GET", "/api/me", NONE).await;
        let keys = ["muted", "unread", "mentions"];
        keys.map(|key| me["rooms"][0][key].clone())
    };
    let mute = "/api/rooms/den/mute";
    let muted = caller.gets("PUT", mute, NONE).await;
    assert_eq!(muted, json!({ "room": "den", "muted": true }));
    olga.say("den", "hello").await.expect("said");
    assert_eq!(stands().await, [json!(true), json!(1), json!(0)]);
    tells(&mut mia, "/unread", "you have read everything").await;
    olga.say("den", "@mia").await.expect("said");
    tells(&mut mia, "/unread", "den: 2 unread, 1 mention").await;
    // To read on does not end it.
    says(&mut mia, "/read").await;
    assert_eq!(stands().await, [json!(true), json!(0), json!(0)]);
    let calls = caller.gets("DELETE", mute, NONE).await;
    assert_eq!(calls, json!({ "room": "den", "muted": false }));
    olga.say("den", "hello").await.expect("said");
    tells(&mut mia, "/unread", "den: 1 unread").await;
    let absent = (404, "no_such_room");
    caller
        .is_refused("PUT", "/api/rooms/nowhere/mute", NONE, absent)
        .await;
    server.stop().await;
}
