//! Secrets that instances share: made once, kept, and never shown.
use discordctl::store::BUS_KEY;

use crate::support::db::Db;

pub(crate) async fn a_secret_is_made_once_whoever_comes_first(db: Db) {
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(db.open().await);
    }
    let asked = stores.iter().map(|store| store.secret(BUS_KEY));
    let secrets = futures_util::future::join_all(asked).await;
    let first = *secrets[0].as_ref().expect("a secret");
    for secret in &secrets {
        assert!(secret.as_ref().is_ok_and(|secret| *secret == first));
    }
    assert_ne!(first, [0; 32]);
    let later = db.open().await.secret(BUS_KEY).await;
    assert!(later.is_ok_and(|secret| secret == first), "it is kept");
    let other = stores[0].secret("other").await;
    assert!(other.is_ok_and(|secret| secret != first));
    assert_eq!(db.number("SELECT count(*) FROM secrets").await, 2);
}

pub(crate) async fn a_secret_that_is_none_is_told_without_being_shown(db: Db) {
    let store = db.open().await;
    store.secret(BUS_KEY).await.expect("a secret");
    let bytes = if db.url.starts_with("sqlite") {
        "BLOB"
    } else {
        "bytea"
    };
    let spoil = format!("UPDATE secrets SET value = CAST('hunter2' AS {bytes})");
    db.sql(&spoil).await;
    let told = store
        .secret(BUS_KEY)
        .await
        .expect_err("no secret")
        .to_string();
    assert!(
        told.contains("7 bytes") && !told.contains("hunter2"),
        "{told}"
    );
    db.sql("DELETE FROM secrets").await;
    store.secret(BUS_KEY).await.expect("a new one is made");
}
