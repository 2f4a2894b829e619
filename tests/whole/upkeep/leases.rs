//! Leases: one at a time, over all processes, and never longer than their time.
use std::sync::Arc;
use std::time::Duration;

use discordctl::ops::lease::{Lease, LeaseError};
use discordctl::store::upkeep::{self, Upkeep};

use crate::support::db::Db;

pub(crate) async fn open(db: &Db) -> Arc<Upkeep> {
    let upkeep = upkeep::open(&db.url, "discordctl test").await;
    upkeep.expect("the database opens")
}

/// The database as another process sees it, with its schema made.
pub(crate) async fn two(db: &Db) -> (Arc<Upkeep>, Arc<Upkeep>) {
    db.open().await;
    (open(db).await, open(db).await)
}

async fn take(upkeep: &Arc<Upkeep>) -> Result<Lease, LeaseError> {
    Lease::take(upkeep, "archive", "discordctl archive").await
}

pub(crate) async fn a_lease_has_one_holder(db: Db) {
    let (one, two) = two(&db).await;
    let held = take(&one).await.expect("free");
    let Err(LeaseError::Held { holder, until, .. }) = take(&two).await else {
        panic!("it was given twice");
    };
    assert!(holder.starts_with("discordctl archive, pid "), "{holder}");
    assert!(until > one.now().await.expect("a time"));
    let other = Lease::take(&two, "cleanup", "discordctl cleanup").await;
    other.expect("another name is another lease");
    held.release().await;
    take(&two).await.expect("free again");
}

pub(crate) async fn of_many_at_once_one_gets_it(db: Db) {
    let (one, _) = two(&db).await;
    let all = [(); 8].map(|()| {
        let upkeep = one.clone();
        tokio::spawn(async move { take(&upkeep).await })
    });
    let mut held = Vec::new();
    for one in all {
        held.extend(one.await.expect("no panic"));
    }
    assert_eq!(held.len(), 1);
}

/// It was killed while the clock was ten years ahead.
pub(crate) async fn a_lease_of_a_time_to_come_is_over(db: Db) {
    let (one, two) = two(&db).await;
    let life = Duration::from_secs(30);
    let given = one.take_lease("archive", "killed", life).await;
    assert_eq!(given.expect("an answer"), None, "free");
    db.hasten("leases", "until", Duration::from_secs(3_650 * 86_400))
        .await;
    take(&two).await.expect("no lease lasts so long");
}

pub(crate) async fn a_killed_holder_loses_it_when_its_time_is_over(db: Db) {
    let (one, two) = two(&db).await;
    let life = Duration::from_secs(30);
    let given = one.take_lease("archive", "somebody killed", life).await;
    assert_eq!(given.expect("an answer"), None, "free");
    assert!(matches!(take(&two).await, Err(LeaseError::Held { .. })));
    db.age("leases", "until", life).await;
    let held = take(&two).await.expect("its time is over");
    let late = one.renew_lease("archive", "somebody killed", life).await;
    assert!(!late.expect("an answer"), "it was only slow, and finds out");
    one.release_lease("archive", "somebody killed")
        .await
        .expect("an answer");
    assert!(one.lease("archive").await.expect("an answer").is_some());
    held.release().await;
    assert_eq!(one.lease("archive").await.expect("an answer"), None);
}

pub(crate) async fn the_lease_of_a_dead_process_is_free_at_once(db: Db) {
    db.open().await;
    crate::upkeep::log::old(&db, 1, 50, crate::upkeep::log::now()).await;
    let program = crate::upkeep::program::Program::on(&db);
    for _ in 0..3 {
        let killed = program
            .run_with(
                &["archive", "--keep-rows", "--older-than", "1s"],
                &[("DISCORDCTL_TEST_FAULT", "archive:written")],
            )
            .await;
        assert_eq!(killed.code, None, "{killed:?}");
        std::fs::remove_dir_all(program.path("archive")).expect("it wrote something");
    }
    let next = program.run(&["archive", "--older-than", "1s"]).await;
    assert_eq!(next.code, Some(0), "{next:?}");
}

pub(crate) async fn a_late_holder_may_renew_while_nobody_else_came(db: Db) {
    let (one, _) = two(&db).await;
    let life = Duration::from_secs(30);
    let given = one.take_lease("archive", "slow", life).await;
    assert_eq!(given.expect("an answer"), None, "free");
    db.age("leases", "until", life * 2).await;
    let renewed = one.renew_lease("archive", "slow", life).await;
    assert!(renewed.expect("an answer"));
    assert!(one.lease("archive").await.expect("an answer").is_some());
}
