//! Leases: one at a time, over all processes, and never longer than their time.
use std::sync::Arc;
use std::time::Duration;

use discordctl::ops::lease::{Lease, LeaseError};
use discordctl::store::upkeep::{self, Upkeep};

use crate::support::Shell;
use crate::support::db::Db;
use crate::upkeep::log::{now, old};

const LIFE: Duration = Duration::from_secs(30);

pub(crate) async fn open(db: &Db) -> Arc<Upkeep> {
    let upkeep = upkeep::open(&db.url, "discordctl test").await;
    upkeep.expect("the database opens")
}

/// The database as another process sees it, with its schema made.
pub(crate) async fn two(db: &Db) -> (Arc<Upkeep>, Arc<Upkeep>) {
    db.open().await;
    (open(db).await, open(db).await)
}

/// Takes a lease that is free, as another process that is at work for half a minute.
pub(crate) async fn given(upkeep: &Upkeep, name: &str, holder: &str) {
    let taken = upkeep.take_lease(name, holder, LIFE).await;
    assert_eq!(taken.unwrap(), None, "free");
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
    given(&one, "archive", "killed").await;
    db.hasten("leases", "until", Duration::from_secs(3_650 * 86_400))
        .await;
    take(&two).await.expect("no lease lasts so long");
}

pub(crate) async fn a_killed_holder_loses_it_when_its_time_is_over(db: Db) {
    let (one, two) = two(&db).await;
    given(&one, "archive", "somebody killed").await;
    assert!(matches!(take(&two).await, Err(LeaseError::Held { .. })));
    db.age("leases", "until", LIFE).await;
    let held = take(&two).await.expect("its time is over");
    let late = one.renew_lease("archive", "somebody killed", LIFE).await;
    assert!(!late.unwrap(), "it was only slow, and finds out");
    let released = one.release_lease("archive", "somebody killed").await;
    released.unwrap();
    assert!(one.lease("archive").await.unwrap().is_some());
    held.release().await;
    assert_eq!(one.lease("archive").await.unwrap(), None);
}

pub(crate) async fn the_lease_of_a_dead_process_is_free_at_once(db: Db) {
    old(&db, 1, 50, now()).await;
    let shell = Shell::on(&db);
    for _ in 0..3 {
        let archive = "archive --keep-rows --older-than 1s";
        shell.killed(archive, "archive:written").await;
        std::fs::remove_dir_all(shell.path("archive")).expect("it wrote something");
    }
    shell.run("archive --older-than 1s").await.exits(0);
}

pub(crate) async fn a_late_holder_may_renew_before_another_comes(db: Db) {
    let (one, _) = two(&db).await;
    given(&one, "archive", "slow").await;
    db.age("leases", "until", LIFE * 2).await;
    let renewed = one.renew_lease("archive", "slow", LIFE).await;
    assert!(renewed.unwrap());
    assert!(one.lease("archive").await.unwrap().is_some());
}
