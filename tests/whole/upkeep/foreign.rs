//! What is in a backup and acts when it is restored: none of it does so without a word.
use crate::support::Shell;
use crate::support::db::{Db, Kind};
use crate::upkeep::log::{now, old};

const SPY: [&str; 2] = [
    "CREATE TRIGGER spy AFTER INSERT ON messages BEGIN
       DELETE FROM messages WHERE id < new.id; END",
    "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN DELETE FROM messages WHERE id < new.id; RETURN NULL; END $$;
     CREATE TRIGGER spy AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION spy()",
];
const STRANGE: &str = "CREATE VIEW everything AS SELECT * FROM messages;
     CREATE TABLE mine (a text); CREATE INDEX mine_a ON mine (a)";

pub(crate) async fn what_is_not_ours_is_refused_by_name(db: Db) {
    old(&db, 1, 20, now()).await;
    let (spy, trust) = match db.kind {
        Kind::Sqlite => (SPY[0], ""),
        Kind::Postgres => (SPY[1], "--as-superuser"),
    };
    db.sql(spy).await;
    db.sql(STRANGE).await;
    let shell = Shell::on(&db);
    shell.run("backup --to copy").await.exits(0).says("warning");
    let other = db.beside("other").await;
    let restore = format!("restore copy --yes --db-url {}", other.url);
    for line in [
        "backup verify copy",
        "backup verify copy --restore-drill",
        &restore,
    ] {
        let mut refused = shell.run(&format!("{line} {trust}")).await.exits(65);
        for name in ["spy", "everything", "mine", "mine_a"] {
            refused = refused.says(name);
        }
    }
    let allowed = format!("{restore} {trust} --allow-foreign");
    let report = shell.run(&allowed).await.well();
    let foreign = report["foreign"].as_array().unwrap();
    assert!(foreign.len() >= 4, "{report}");
}

pub(crate) async fn a_dump_is_not_run_by_one_who_may_do_anything(db: Db) {
    old(&db, 1, 20, now()).await;
    let shell = Shell::on(&db);
    shell.run("backup --to copy").await.exits(0);
    let other = db.beside("other").await;
    let restore = format!("restore copy --yes --db-url {}", other.url);
    for line in ["backup verify copy --restore-drill", &restore] {
        let refused = shell.run(line).await.exits(77);
        refused.says("--as-superuser");
        let allowed = format!("{line} --as-superuser");
        shell.run(&allowed).await.exits(0);
    }
}

pub(crate) async fn a_dump_is_read_to_its_end(db: Db) {
    old(&db, 2, 2_000, now()).await;
    let shell = Shell::on(&db);
    shell.run("backup --to copy").await.exits(0);
    let whole = std::fs::read(shell.path("copy")).unwrap();
    // Without its manifest nothing but the dump itself tells that its end is missing.
    for part in [whole.len() / 2, whole.len() * 9 / 10, whole.len() - 20] {
        std::fs::write(shell.path("part"), &whole[..part]).unwrap();
        shell.run("backup verify part").await.exits(65);
    }
}
