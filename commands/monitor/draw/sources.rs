//! The database and Redis, each with the age of what is shown. What was answered earlier is never
//! shown as if it were now.
use discordctl::config::Level;
use discordctl::ops::monitor::{Database, PostgresActivity, Query, Redis, Source, View};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Look;
use crate::monitor::text;

pub(super) fn draw(frame: &mut Frame, area: Rect, look: Look, view: &View) {
    let redis = view.redis.as_ref();
    let [left, right] = Layout::horizontal([
        Constraint::Fill(2),
        Constraint::Fill(u16::from(redis.is_some())),
    ])
    .spacing(2)
    .areas(area);
    let room = usize::from(area.height);
    let name = match &view.database.last {
        Some(Database::Sqlite { .. }) => "SQLite",
        Some(Database::Postgres { .. }) => "PostgreSQL",
        None => "database",
    };
    let lines = |data: &Database| database(data, room);
    let database = source(look, view, name, &view.database, lines);
    frame.render_widget(Paragraph::new(database), left);
    if let Some(redis) = redis {
        let redis = source(look, view, "Redis", redis, redis_lines);
        frame.render_widget(Paragraph::new(redis), right);
    }
}

fn source<T>(
    look: Look,
    view: &View,
    name: &str,
    source: &Source<T>,
    lines: impl Fn(&T) -> Vec<String>,
) -> Vec<Line<'static>> {
    let age = text::age(look.age(view, source.age_seconds));
    let name = Span::styled(name.to_owned(), look.theme.title());
    let Some(error) = &source.error else {
        let mut all = vec![Line::from(vec![
            name,
            format!("  {age} ago  {}", source.address).into(),
        ])];
        all.extend(source.now.iter().flat_map(&lines).map(Line::from));
        return all;
    };
    let bad = look.theme.level(Level::Critical);
    let mut all = vec![
        Line::from(vec![
            name,
            Span::styled("  NO ANSWER", bad),
            format!("  {}", source.address).into(),
        ]),
        Line::styled(error.clone(), bad),
    ];
    match &source.last {
        Some(last) => {
            all.push(Line::styled(
                format!("as it was {age} ago:"),
                look.theme.faint(),
            ));
            all.extend(
                lines(last)
                    .into_iter()
                    .map(|line| Line::styled(line, look.theme.faint())),
            );
        }
        None => all.push(Line::styled("it has never answered", look.theme.faint())),
    }
    all
}

fn database(data: &Database, room: usize) -> Vec<String> {
    match data {
        Database::Sqlite(of) => vec![
            format!("file {}", text::bytes(Some(of.file_bytes as f64))),
            format!(
                "not yet in it (WAL) {}",
                text::bytes(Some(of.wal_bytes as f64))
            ),
        ],
        Database::Postgres(PostgresActivity {
            max_connections,
            connections,
            slowest,
            statements,
            database_bytes,
            tables,
        }) => {
            let all: i64 = connections.iter().map(|by| by.count).sum();
            let by: Vec<String> = connections
                .iter()
                .map(|by| format!("{} {}", by.count, by.state))
                .collect();
            let tables: Vec<String> = tables
                .iter()
                .map(|table| format!("{} {}", table.table, text::bytes(Some(table.bytes as f64))))
                .collect();
            let mut lines = vec![
                format!("connections {all} of {max_connections}: {}", by.join(", ")),
                format!(
                    "{}: {}",
                    text::bytes(Some(*database_bytes as f64)),
                    tables.join(", ")
                ),
            ];
            if slowest.is_empty() {
                lines.push("nothing is running".to_owned());
            }
            let half = room.saturating_sub(4).max(1)
                / if statements.is_some() && room > 8 {
                    2
                } else {
                    1
                };
            lines.extend(slowest.iter().take(half.max(1)).map(running));
            if room > 8 {
                let statements = statements.iter().flatten().take(half);
                lines.extend(statements.map(|statement| {
                    format!(
                        "{:>7.1} ms mean of {}  {}",
                        statement.mean_ms, statement.calls, statement.query
                    )
                }));
            }
            lines
        }
    }
}

fn running(query: &Query) -> String {
    let waits = match &query.waits_for {
        Some(what) => format!(", waits for {what}"),
        None => String::new(),
    };
    let who = query.application.trim_start_matches("discordctl ");
    format!(
        "{:>6.1}s {} {who} ({}{waits})  {}",
        query.seconds, query.pid, query.state, query.query
    )
}

fn redis_lines(data: &Redis) -> Vec<String> {
    let limit = match data.max_memory_bytes {
        0 => "no limit".to_owned(),
        limit => text::bytes(Some(limit as f64)),
    };
    vec![
        format!(
            "memory {} of {limit}",
            text::bytes(Some(data.used_memory_bytes as f64))
        ),
        format!("clients {}, channels {}", data.clients, data.channels),
        format!("{} commands/s", data.commands_per_second),
        format!("evicted {}, version {}", data.evicted_keys, data.version),
    ]
}
