//! `discordctl migrate` and `serve` as a script sees them: how they end, and one JSON object.
use futures_util::future::join_all;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use crate::support::Shell;
use crate::support::db::Db;

const SERVE: &str = "serve --tcp-port 0 --http-port 0";

pub(crate) async fn the_exit_code_says_how_the_database_stands(db: Db) {
    db.bare().await;
    let shell = Shell::on(&db);
    let status = shell.run("migrate status").await.exits(1).json();
    assert_eq!(status["state"], "pending");
    assert_eq!(status["schema"], "discordctl.migrate-status/1");
    shell.run("migrate plan").await.exits(1);
    shell.run("migrate up --dry-run").await.exits(0);
    // A dry run changes nothing.
    shell.run("migrate status").await.exits(1);
    let told = shell.run("migrate up").await.well();
    assert_eq!(told["migrations"][0]["state"], "applied");
    shell.run("migrate status").await.exits(0);
    db.sql("UPDATE schema_migrations SET checksum = '1'").await;
    shell.run("migrate status").await.exits(2);
    shell.run("migrate verify").await.exits(2);
    shell.run("migrate up").await.exits(2);
    shell.run("migrate repair").await.exits(0);
    // There is no terminal to ask on.
    shell.run("migrate rollback").await.exits(64);
    shell.run("migrate rollback --yes").await.exits(0);
    shell.run("migrate status").await.exits(1);
    let newer = "INSERT INTO schema_migrations VALUES (99, 'x', '2026-01-01T00:00:00Z', '1')";
    db.sql(newer).await;
    shell.run("migrate verify").await.exits(3);
}

pub(crate) async fn four_commands_at_once_all_end_well(db: Db) {
    db.bare().await;
    let shell = Shell::on(&db);
    let mut applied = 0;
    for told in join_all([(); 4].map(|()| shell.run("migrate up"))).await {
        applied += told.well()["migrations"].as_array().map_or(0, Vec::len);
    }
    let files = std::fs::read_dir("migrations/postgres").expect("the steps");
    let names = files.map(|file| file.expect("a file").file_name());
    let steps = names.filter(|name| name.to_string_lossy().starts_with('V'));
    assert_eq!(applied, steps.count(), "each step once, over all four");
}

pub(crate) async fn serve_refuses_what_is_not_migrated_and_names_the_command(db: Db) {
    db.bare().await;
    let refused = Shell::on(&db).run(SERVE).await.exits(78);
    refused.says("discordctl migrate up");
}

/// PostgreSQL hides the tables of a schema from a role that may not use it.
pub(crate) async fn a_role_without_rights_is_told_so_and_not_to_migrate(db: Db) {
    db.open().await;
    let owner: PgConnectOptions = db.url.parse().expect("a URL");
    let role = format!("{}_reader", owner.get_database().expect("a name"));
    db.sql(&format!("CREATE ROLE {role} LOGIN")).await;
    let url = owner.username(&role).to_url_lossy().to_string();
    let shell = Shell::new().with("DISCORDCTL_DB_URL", &url);
    for revoked in [
        // It sees the tables, and may not read them.
        "SELECT 1",
        "REVOKE ALL ON SCHEMA public FROM public",
    ] {
        db.sql(revoked).await;
        for line in [SERVE, "migrate status", "jobs list"] {
            let refused = shell.run(line).await.exits(77);
            assert!(!refused.stderr.contains("migrate up"), "{refused:?}");
        }
    }
    db.sql(&format!("DROP ROLE {role}")).await;
}
