//! What is in a backup and acts when it is restored: none of it does so without a word.
use crate::support::db::{Db, Kind};
use crate::upkeep::backup::Other;
use crate::upkeep::log::{now, old};
use crate::upkeep::program::Program;

const SPY: [&str; 2] = [
    "CREATE TRIGGER spy AFTER INSERT ON messages BEGIN
       DELETE FROM messages WHERE id < new.id; END;
     CREATE VIEW everything AS SELECT * FROM messages;
     CREATE TABLE mine (a text); CREATE INDEX mine_a ON mine (a)",
    "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN DELETE FROM messages WHERE id < new.id; RETURN NULL; END $$;
     CREATE TRIGGER spy AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION spy();
     CREATE VIEW everything AS SELECT * FROM messages;
     CREATE TABLE mine (a text); CREATE INDEX mine_a ON mine (a)",
];

pub(crate) async fn what_is_not_ours_is_refused_by_name(db: Db) {
    old(&db, 1, 20, now()).await;
    let (spy, trust): (_, &[&str]) = match db.kind {
        Kind::Sqlite => (SPY[0], &[]),
        Kind::Postgres => (SPY[1], &["--as-superuser"]),
    };
    db.sql(spy).await;
    let program = Program::on(&db);
    let made = program.run(&["backup", "--to", "copy"]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stderr.contains("warning"), "{made:?}");
    let other = Other::beside(&db, &program, "other").await;
    let restore = ["restore", "copy", "--yes", "--db-url", &other.url];
    for args in [
        &["backup", "verify", "copy"][..],
        &["backup", "verify", "copy", "--restore-drill"],
        &restore,
    ] {
        let refused = program.run(&[args, trust].concat()).await;
        assert_eq!(refused.code, Some(65), "{args:?}: {refused:?}");
        for name in ["spy", "everything", "mine", "mine_a"] {
            assert!(refused.stderr.contains(name), "{name}: {refused:?}");
        }
    }
    let allowed = [&restore, trust, &["--allow-foreign"]].concat();
    let done = program.run(&allowed).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    let report = done.json();
    let foreign = report["foreign"].as_array().unwrap();
    assert!(foreign.len() >= 4, "{done:?}");
    other.end().await;
}

pub(crate) async fn a_dump_is_not_run_by_one_who_may_do_anything(db: Db) {
    if db.kind == Kind::Sqlite {
        return;
    }
    old(&db, 1, 20, now()).await;
    let program = Program::on(&db);
    assert_eq!(program.run(&["backup", "--to", "copy"]).await.code, Some(0));
    let other = Other::beside(&db, &program, "other").await;
    let restore = ["restore", "copy", "--yes", "--db-url", &other.url];
    for args in [
        &["backup", "verify", "copy", "--restore-drill"][..],
        &restore,
    ] {
        let refused = program.run(args).await;
        assert_eq!(refused.code, Some(77), "{args:?}: {refused:?}");
        assert!(refused.stderr.contains("--as-superuser"), "{refused:?}");
        let allowed = program.run(&[args, &["--as-superuser"]].concat()).await;
        assert_eq!(allowed.code, Some(0), "{args:?}: {allowed:?}");
    }
    other.end().await;
}

pub(crate) async fn a_dump_is_read_to_its_end(db: Db) {
    if db.kind == Kind::Sqlite {
        return;
    }
    old(&db, 2, 2_000, now()).await;
    let program = Program::on(&db);
    assert_eq!(program.run(&["backup", "--to", "copy"]).await.code, Some(0));
    let whole = std::fs::read(program.path("copy")).unwrap();
    // Without its manifest nothing but the dump itself tells that its end is missing.
    for part in [whole.len() / 2, whole.len() * 9 / 10, whole.len() - 20] {
        std::fs::write(program.path("part"), &whole[..part]).unwrap();
        let refused = program.run(&["backup", "verify", "part"]).await;
        assert_eq!(refused.code, Some(65), "{part}: {refused:?}");
    }
}
