//! Positions that mean nothing, and messages that are gone: said, and then live.
use super::events::Events;
use super::server::Running;

async fn room_of(server: &Running, count: usize) -> String {
    let alice = server.connect("alice").await;
    for _ in 0..count {
        server.said(&alice, "general", "x").await;
    }
    alice
}

#[tokio::test]
async fn what_is_no_position_is_told_and_then_live() {
    let server = Running::start().await;
    let alice = room_of(&server, 3).await;
    let bad = [
        "x",
        "",
        "-1",
        "1.5",
        "99999999999999999999",
        "3; DROP TABLE messages",
    ];
    for (n, position) in bad.iter().enumerate() {
        let newest = 3 + n as i64;
        let mut reader = Events::resume(&server, "general", position).await;
        assert_eq!(reader.gap().await, (None, newest), "{position:?}");
        server.said(&alice, "general", "live").await;
        assert_eq!(reader.seqs(1).await, [newest + 1], "{position:?}");
    }
}

#[tokio::test]
async fn a_position_beyond_the_newest_is_of_another_past_and_then_live() {
    let server = Running::start().await;
    let mut empty = Events::resume(&server, "general", "5").await;
    let (epoch, last) = empty.reset().await;
    assert_eq!(last, 0);
    let alice = room_of(&server, 3).await;
    assert_eq!(empty.seqs(3).await, [1, 2, 3]);
    for target in ["?after=41", "?after=9223372036854775807"] {
        let mut reader = Events::open(&server, &format!("/api/messages/general{target}")).await;
        let (told, newest) = reader.reset().await;
        assert_eq!(told, epoch, "{target}");
        assert_eq!(server.said(&alice, "general", "live").await, newest + 1);
        assert_eq!(reader.seqs(1).await, [newest + 1]);
    }
}

#[tokio::test]
async fn trimmed_messages_are_a_gap_and_the_rest_follows() {
    let server = Running::start().await;
    let alice = room_of(&server, 30).await;
    server.sql("DELETE FROM messages WHERE seq <= 20").await;
    let mut reader = Events::resume(&server, "general", "5").await;
    assert_eq!(reader.gap().await, (Some(6), 20));
    assert_eq!(reader.seqs(10).await, (21..=30).collect::<Vec<_>>());
    server.said(&alice, "general", "live").await;
    assert_eq!(reader.seqs(1).await, [31]);
    // A reader that was just before what is left misses nothing, and is told nothing.
    let mut near = Events::resume(&server, "general", "20").await;
    assert_eq!(near.seqs(11).await, (21..=31).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_hole_between_messages_is_told_where_it_is() {
    let server = Running::start().await;
    room_of(&server, 30).await;
    let hole = "DELETE FROM messages WHERE seq BETWEEN 4 AND 6 OR seq = 25";
    server.sql(hole).await;
    let mut reader = Events::resume(&server, "general", "0").await;
    assert_eq!(reader.seqs(3).await, [1, 2, 3]);
    assert_eq!(reader.gap().await, (Some(4), 6));
    assert_eq!(reader.seqs(18).await, (7..=24).collect::<Vec<_>>());
    assert_eq!(reader.gap().await, (Some(25), 25));
    assert_eq!(reader.seqs(5).await, (26..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_room_whose_messages_are_all_gone_goes_on_live() {
    let server = Running::start().await;
    let alice = room_of(&server, 8).await;
    server.sql("DELETE FROM messages").await;
    let mut reader = Events::resume(&server, "general", "2").await;
    assert_eq!(reader.gap().await, (Some(3), 8));
    server.said(&alice, "general", "live").await;
    assert_eq!(reader.seqs(1).await, [9]);
}
