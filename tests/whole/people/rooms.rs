//! Rooms over HTTP: made, changed and deleted.
use discordctl::client::{Buffer, Event, Events};
use discordctl::model::RoomName;
use discordctl::store::Record;

use super::{in_room, named, registered, says, serve, tells};
use crate::support::DEADLINE;
use crate::support::client::Person;
use crate::support::db::Db;

pub(crate) async fn a_deleted_room_ends_for_its_readers_and_no_other_notices(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut owner = in_room(one.tcp, "olga", "/create den").await;
    let mut mia = in_room(two.tcp, "mia", "/join den").await;
    owner.say("den", "soon gone").await.expect("said");
    says(&mut mia, "/join general").await;
    mia.say("general", "stays").await.expect("said");
    let stream = |at, room| async move {
        let path = format!("/api/messages/{room}?history=0");
        let opened = Events::open(at, &path, None, Buffer::Usual, DEADLINE).await;
        opened.expect("a stream")
    };
    let mut ended = [stream(one.http, "den").await, stream(two.http, "den").await];
    let mut other = stream(one.http, "general").await;

    let store = db.open().await;
    let epoch = store.era().await.expect("an epoch").epoch;
    let den = RoomName::parse("den").expect("a name");
    let (room, _) = store.room(&den).await.expect("readable").expect("a room");
    let record = Record {
        actor: "operator",
        action: "delete_room",
        room: Some("den"),
        ..Record::default()
    };
    let delete = || store.delete_room(room.key, &record);
    assert!(delete().await.expect("deleted"));
    assert!(!delete().await.expect("gone already"));
    for stream in &mut ended {
        let mut told = Vec::new();
        while let Some(event) = stream.next().await.expect("readable") {
            if let Event::Named { name, data, .. } = event
                && name == "end"
            {
                told.push(data);
            }
        }
        let is_end = |data: &String| data.contains("no_such_room");
        assert!(told.iter().all(is_end) && told.len() == 1, "{told:?}");
    }
    owner.line_with("there is no room 'den'").await;
    mia.line_with("there is no room 'den'").await;
    tells(&mut owner, "hello", "not sent:").await;
    mia.say("general", "goes on").await.expect("said");
    let goes_on = async {
        while let Some(event) = other.next().await.expect("readable") {
            if let Event::Named { name, data, .. } = event {
                assert_ne!(name, "reset");
                if data.contains("goes on") {
                    return;
                }
            }
        }
        panic!("the stream of another room ended");
    };
    crate::support::in_time("the other room", goes_on).await;
    assert_eq!(store.era().await.expect("an epoch").epoch, epoch);
    let recorded = db
        .texts("SELECT action FROM audit WHERE room = 'den'")
        .await;
    assert_eq!(recorded, ["delete_room"]);

    // The name is free, and what is made of it is another room.
    tells(&mut mia, "/create den", "mia joined den").await;
    tells(&mut mia, "/history", "no older messages").await;
    let mut ria = registered(one.tcp, "ria").await;
    tells(&mut ria, "/join den", "ria joined den").await;
    one.stop().await;
    two.stop().await;
}
