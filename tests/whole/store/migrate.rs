//! `discordctl migrate` and `serve` as a script sees them: how they end, and one JSON object.
use std::process::{Command, Output, Stdio};

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::support::db::{Db, Kind, run};

fn discordctl(db: &Db, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_discordctl"));
    command
        .args(args)
        .env_clear()
        .env("DISCORDCTL_DB_URL", &db.url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ends(db: &Db, args: &[&str]) -> (i32, serde_json::Value) {
    let Output { status, stdout, .. } = discordctl(db, args).output().expect("discordctl runs");
    let told = serde_json::from_slice(&stdout).unwrap_or_default();
    (status.code().expect("an exit code"), told)
}

#[test]
fn the_exit_code_says_how_the_database_stands() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        run(kind, |db| async move {
            db.bare().await;
            let status = ["migrate", "status", "-o", "json"];
            let (code, told) = ends(&db, &status);
            assert_eq!((code, &told["state"]), (1, &"pending".into()));
            assert_eq!(told["schema"], "discordctl.migrate-status/1");
            assert_eq!(ends(&db, &["migrate", "plan"]).0, 1);
            assert_eq!(ends(&db, &["migrate", "up", "--dry-run"]).0, 0);
            assert_eq!(ends(&db, &status).0, 1, "a dry run changes nothing");
            let (code, told) = ends(&db, &["migrate", "up", "-o", "json"]);
            assert_eq!(
                (code, &told["migrations"][0]["state"]),
                (0, &"applied".into())
            );
            assert_eq!(ends(&db, &status).0, 0);
            db.sql("UPDATE schema_migrations SET checksum = '1'").await;
            assert_eq!(ends(&db, &status).0, 2);
            assert_eq!(ends(&db, &["migrate", "verify"]).0, 2);
            assert_eq!(ends(&db, &["migrate", "up"]).0, 2);
            assert_eq!(ends(&db, &["migrate", "repair"]).0, 0);
            assert_eq!(
                ends(&db, &["migrate", "rollback"]).0,
                64,
                "nobody is there to ask"
            );
            assert_eq!(ends(&db, &["migrate", "rollback", "--yes"]).0, 0);
            assert_eq!(ends(&db, &status).0, 1);
            db.sql("INSERT INTO schema_migrations VALUES (99, 'x', '2026-01-01T00:00:00Z', '1')")
                .await;
            assert_eq!(ends(&db, &["migrate", "verify"]).0, 3);
        });
    }
}

#[test]
fn four_commands_at_once_all_end_well() {
    run(Kind::Postgres, |db| async move {
        db.bare().await;
        let up = || {
            discordctl(&db, &["migrate", "up", "-o", "json"])
                .spawn()
                .expect("started")
        };
        let all = [(); 4].map(|()| up());
        let mut applied = 0;
        for one in all {
            let output = one.wait_with_output().expect("ended");
            assert!(output.status.success(), "{output:?}");
            let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
            applied += told["migrations"].as_array().map_or(0, Vec::len);
        }
        let files = std::fs::read_dir("migrations/postgres").expect("the steps");
        let names = files.map(|file| file.expect("a file").file_name());
        let steps = names.filter(|name| name.to_string_lossy().starts_with('V'));
        assert_eq!(applied, steps.count(), "each step once, over all four");
    });
}

#[test]
fn serve_refuses_what_is_not_migrated_and_names_the_command() {
    run(Kind::Postgres, |db| async move {
        db.bare().await;
        let serve = ["serve", "--tcp-port", "0", "--http-port", "0"];
        let output = discordctl(&db, &serve).output().expect("discordctl runs");
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("discordctl migrate up"), "{said}");
    });
}

/// PostgreSQL hides the tables of a schema from a role that may not use it.
#[test]
fn a_role_without_rights_is_told_so_and_not_to_migrate() {
    run(Kind::Postgres, |db| async move {
        db.open().await;
        let owner: PgConnectOptions = db.url.parse().expect("a URL");
        let role = format!("{}_reader", owner.get_database().expect("a name"));
        db.sql(&format!("CREATE ROLE {role} LOGIN")).await;
        let url = owner.username(&role).to_url_lossy().to_string();
        let serve = ["serve", "--tcp-port", "0", "--http-port", "0"];
        for revoked in [
            // It sees the tables, and may not read them.
            "SELECT 1",
            "REVOKE ALL ON SCHEMA public FROM public",
        ] {
            db.sql(revoked).await;
            for args in [&serve[..], &["migrate", "status"], &["jobs", "list"]] {
                let mut command = discordctl(&db, args);
                let output = command.env("DISCORDCTL_DB_URL", &url).output();
                let output = output.expect("discordctl runs");
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!(output.status.code(), Some(77), "{args:?}: {said}");
                assert!(!said.contains("migrate up"), "{args:?}: {said}");
            }
        }
        db.sql(&format!("DROP ROLE {role}")).await;
    });
}
