//! Moderation of a room: what moderators may do, and what it does to others.
use super::{in_room, named, registered, says, serve, tells};
use crate::support::client::{Lines, Person};
use crate::support::db::Db;

pub(crate) async fn who_keeps_order_may_and_others_may_not(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut owner = in_room(server.tcp, "olga", "/create den").await;
    let mut member = in_room(server.tcp, "mia", "/join den").await;
    let mut guest = Lines::connect(server.tcp).await;
    says(&mut guest, "/nick gus").await;
    guest.command("/join den").await.expect("joined");
    for command in [
        "/topic mine",
        "/slow 10s",
        "/kick gus",
        "/mute gus",
        "/ban gus",
        "/role gus member",
    ] {
        tells(&mut member, command, "it takes the role").await;
        tells(&mut guest, command, "it takes the role").await;
    }
    tells(&mut guest, "/invite mia", "it takes the role member").await;
    tells(
        &mut owner,
        "/topic all of it",
        "the topic of den is: all of it",
    )
    .await;
    tells(&mut guest, "/topic", "the topic of den is: all of it").await;
    let recorded = db.texts("SELECT action FROM audit ORDER BY id").await;
    assert_eq!(recorded, ["register", "register", "room"]);
    server.stop().await;
}

pub(crate) async fn a_kick_ends_the_reading_on_every_instance(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut owner = in_room(one.tcp, "olga", "/create den").await;
    let mut mia = in_room(two.tcp, "mia", "/join den").await;
    tells(&mut owner, "/kick mia rude", "mia was removed from den").await;
    mia.line_with("you may not read den any more").await;
    owner.say("den", "unheard").await.expect("said");
    tells(&mut mia, "hello", "not sent: join a room first").await;
    // The room is public: she may come back, and has missed nothing.
    mia.command("/join den").await.expect("joined");
    assert_eq!(mia.see().await.content, "unheard");
    let why = db
        .texts("SELECT why FROM audit WHERE action = 'kick'")
        .await;
    assert_eq!(why, ["rude"]);
    one.stop().await;
    two.stop().await;
}

pub(crate) async fn a_ban_keeps_out_until_it_is_lifted(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut owner = in_room(one.tcp, "olga", "/create den").await;
    let mut mia = in_room(two.tcp, "mia", "/join den").await;
    tells(
        &mut owner,
        "/ban mia for 1d rude",
        "mia is banned in den until",
    )
    .await;
    mia.line_with("you may not read den any more").await;
    tells(&mut mia, "/join den", "you are banned from 'den' until").await;
    tells(&mut owner, "/unban nobody", "there is no account").await;
    tells(
        &mut owner,
        "/unban mia",
        "mia is not banned in den any more",
    )
    .await;
    tells(&mut owner, "/unban mia", "mia is not banned here").await;
    crate::support::until!("she may come back", {
        mia.command("/join den")
            .await
            .is_ok_and(|told| told.contains("joined"))
    });
    one.stop().await;
    two.stop().await;
}

pub(crate) async fn a_muted_person_reads_and_does_not_speak(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut owner = in_room(server.tcp, "olga", "/create den").await;
    let mut mia = in_room(server.tcp, "mia", "/join den").await;
    tells(&mut owner, "/mute mia", "mia is muted in den").await;
    crate::support::until!("she is muted", {
        mia.say("den", "hello")
            .await
            .is_err_and(|told| told.contains("you are muted in 'den'"))
    });
    owner.say("den", "can you hear me").await.expect("said");
    mia.line_with("can you hear me").await;
    says(&mut owner, "/unmute mia").await;
    crate::support::until!("she may speak", { mia.say("den", "yes").await.is_ok() });
    server.stop().await;
}

pub(crate) async fn a_slow_room_takes_one_message_at_a_time(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut owner = in_room(server.tcp, "olga", "/create den").await;
    let mut mia = in_room(server.tcp, "mia", "/join den").await;
    tells(
        &mut owner,
        "/slow 1h",
        "den takes one message of each person in 3600 s",
    )
    .await;
    crate::support::until!("it is slow", {
        mia.say("den", "hello")
            .await
            .is_err_and(|told| told.contains("which is slow"))
    });
    for text in ["one", "two"] {
        owner
            .say("den", text)
            .await
            .expect("who keeps order is not slow");
    }
    tells(&mut owner, "/slow soon", "a length of time").await;
    tells(&mut owner, "/slow 1w", "at most six hours").await;
    says(&mut owner, "/slow off").await;
    crate::support::until!("it is fast", mia.say("den", "again").await.is_ok());
    server.stop().await;
}

pub(crate) async fn a_role_is_given_up_to_ones_own(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut owner = in_room(server.tcp, "olga", "/create den").await;
    let mut admin = in_room(server.tcp, "adam", "/join den").await;
    registered(server.tcp, "mia").await;
    tells(&mut owner, "/role adam king", "'king' is no role").await;
    tells(&mut owner, "/role adam admin", "adam is admin in den now").await;
    crate::support::until!("he may", {
        says(&mut admin, "/role mia moderator")
            .await
            .contains("mia is moderator in den now")
    });
    tells(&mut admin, "/role mia owner", "it is above your own").await;
    tells(&mut admin, "/role olga member", "it is above your own").await;
    tells(&mut admin, "/kick olga", "it is above your own").await;
    tells(&mut admin, "/ban olga", "it is above your own").await;
    server.stop().await;
}

pub(crate) async fn a_room_takes_other_roles_where_it_says_so(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut owner = in_room(server.tcp, "olga", "/create den").await;
    let mut mia = in_room(server.tcp, "mia", "/join den").await;
    mia.say("den", "hello").await.expect("said");
    db.sql("UPDATE rooms SET allow = '{\"write\":\"moderator\"}' WHERE name = 'den'")
        .await;
    db.sql("INSERT INTO rights_changes (room_id) SELECT id FROM rooms WHERE name = 'den'")
        .await;
    crate::support::until!("she may not", {
        let told = mia.say("den", "hello").await;
        told.is_err_and(|told| told.contains("it takes the role moderator here"))
    });
    owner.say("den", "quiet").await.expect("said");
    server.stop().await;
}
