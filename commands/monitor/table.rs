//! One look as text, for where there is no terminal.
use std::fmt::Write;

use discordctl::ops::monitor::{Database, PostgresActivity, Source, View};

use super::text::{self, short};
use crate::output::table;

pub(super) fn of(view: &View) -> String {
    let rows = view.instances.iter().map(|instance| {
        let figures = &instance.figures;
        [
            instance.instance.clone(),
            instance.state.as_str().to_owned(),
            short(figures.clients),
            short(figures.rooms),
            short(figures.messages_per_second),
            short(figures.delivery_p99_ms),
            short(figures.queue_depth),
            text::pool(figures),
            text::breaker(figures).to_owned(),
        ]
    });
    let heading = [
        "INSTANCE", "STATE", "CLIENTS", "ROOMS", "MSG/S", "P99 MS", "QUEUE", "POOL", "BREAKER",
    ];
    let mut all = table(heading, rows.collect());
    all += "\n\n";
    all += &sources(view);
    for alert in &view.alerts {
        let runbook = alert
            .runbook
            .map_or_else(String::new, |name| format!(" (runbook {name})"));
        // Writing into a string cannot fail.
        let _ = writeln!(
            all,
            "{}: {} {}: {}{runbook}",
            serde_json::json!(alert.level).as_str().unwrap_or_default(),
            alert.source,
            alert.metric,
            alert.text
        );
    }
    if view.alerts.is_empty() {
        all += "no alerts\n";
    }
    all
}

fn sources(view: &View) -> String {
    let database = match &view.database.now {
        Some(Database::Postgres(PostgresActivity {
            max_connections,
            connections,
            slowest,
            ..
        })) => {
            let all: i64 = connections.iter().map(|by| by.count).sum();
            let slowest = slowest.first().map_or(0.0, |query| query.seconds);
            format!(
                "PostgreSQL: {all} of {max_connections} connections, slowest query {slowest:.1} s"
            )
        }
        Some(Database::Sqlite(of)) => format!(
            "SQLite: {}, and {} not yet in it",
            text::bytes(Some(of.file_bytes as f64)),
            text::bytes(Some(of.wal_bytes as f64))
        ),
        None => silent("database", &view.database),
    };
    let redis = view.redis.as_ref().map(|redis| match &redis.now {
        Some(data) => format!(
            "Redis: {} clients, {}\n",
            data.clients,
            text::bytes(Some(data.used_memory_bytes as f64))
        ),
        None => silent("Redis", redis) + "\n",
    });
    format!("{database}\n{}", redis.unwrap_or_default())
}

fn silent<T>(name: &str, source: &Source<T>) -> String {
    let why = source.error.as_deref().unwrap_or("not asked");
    format!("{name}: no answer from {}: {why}", source.address)
}
