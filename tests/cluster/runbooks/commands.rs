//! Every question that a runbook asks runs as it is written, and is answered well where all is well.
use std::path::Path;

use discordctl::ops::runbook;
use tokio::process::Command;

use super::site::Site;

/// Those that need nothing but the servers and an instance of this test.
const RUNBOOKS: [&str; 6] = [
    "database-down",
    "disk-full",
    "failed-migration",
    "failover",
    "pool-exhaustion",
    "valkey-down",
];

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_every_check_says_so() {
    let Some(site) = Site::start().await else {
        return;
    };
    // As a person has typed it into a terminal.
    let path = std::env::var("PATH").unwrap();
    let own = Path::new(env!("CARGO_BIN_EXE_discordctl"))
        .parent()
        .unwrap();
    let variables = [
        ("PATH", format!("{}:{path}", own.display())),
        ("HTTP", site.instance.as_ref().unwrap().at.http.to_string()),
        ("PGHOST", "127.0.0.1".into()),
        ("PGPORT", site.postgres.port.to_string()),
        ("PGUSER", "postgres".into()),
        ("PGDATABASE", "postgres".into()),
        (
            "REDIS_CLI",
            format!("redis-cli -h 127.0.0.1 -p {}", site.redis.port),
        ),
        ("DISCORDCTL_CONFIG", "config/instance1.json".into()),
    ];
    for name in RUNBOOKS {
        let text = runbook::text(name).unwrap();
        let book = runbook::parse(name, &text).unwrap_or_else(|error| panic!("{error}"));
        let of_steps = book
            .steps
            .iter()
            .flat_map(|step| [&step.check, &step.verify]);
        for block in book.checks.iter().chain(of_steps).chain(&book.afterwards) {
            let ran = Command::new("sh")
                .args(["-eu", "-c", &format!("{}\n{}", book.setup, block.script)])
                .env_clear()
                .envs(variables.iter().map(|(name, value)| (name, value)))
                .current_dir(site.path())
                .output()
                .await
                .unwrap();
            let said = String::from_utf8_lossy(&ran.stderr);
            let line = block.line;
            assert!(ran.status.success(), "{name}.md, line {line}: {said}");
            assert!(
                !said.contains("not found"),
                "{name}.md, line {line}: {said}"
            );
        }
    }
}
