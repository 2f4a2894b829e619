//! An archive that has seen its database go back: it holds the same places twice.
use super::operator::Operator;
use crate::support::db::Db;

/// A backup from before the sixth message is put back, and other things are said from there.
async fn go_back(operator: &Operator) {
    let back = "DELETE FROM messages WHERE seq > 5; DELETE FROM room_archive;
         UPDATE rooms SET last_seq = 5; UPDATE epoch SET epoch = 'the-second-past'";
    operator.db.sql(back).await;
    let said = "INSERT INTO messages (room_id, seq, user_id, content, created_at)
         SELECT r.id, m.seq + 5, m.user_id, 'anew ' || m.seq, m.created_at
         FROM messages m JOIN rooms r ON r.id = m.room_id; UPDATE rooms SET last_seq = 10";
    operator.db.sql(said).await;
}

pub(crate) async fn documents_of_two_pasts_are_told_apart(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 10).await;
    operator
        .run("archive run --older-than 1h --keep-rows")
        .await
        .well();
    let first = operator.documents().await;
    go_back(&operator).await;
    let stored = operator.dump().await;
    operator
        .run("archive run --older-than 1h --keep-rows")
        .await
        .well();

    // The very same place of the same name: the later one has the epoch in its own.
    let documents = operator.documents().await;
    assert_eq!(documents[..first.len()], first);
    let places = |documents: &[(String, u64, i64, i64)]| -> Vec<_> {
        documents
            .iter()
            .map(|(_, _, first, last)| (*first, *last))
            .collect()
    };
    assert_eq!(places(&documents[first.len()..]), places(&first));
    let another = &documents[first.len()].0;
    assert!(another.contains(".the-seco.json"), "{another}");
    let verified = operator.run("archive verify").await.well();
    let count = first.len() as u64;
    assert_eq!(
        (&verified["ok"], &verified["superseded"]),
        (&count.into(), &count.into())
    );

    operator.db.sql("DELETE FROM messages").await;
    let replayed = operator.run("replay rooms").await.well();
    let left_out = replayed["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), first.len());
    assert_eq!(left_out[0]["path"], first[0].0.as_str());
    assert_eq!(left_out[0]["superseded_by"], another.as_str());
    assert_eq!(operator.dump().await, stored);

    // By its own name a document of the past that was is refused, since its places are taken.
    let refused = operator
        .run(&format!("replay {}", first.last().unwrap().0))
        .await;
    assert_eq!(refused.code, Some(65), "{refused:?}");
    assert_eq!(operator.dump().await, stored);
}
