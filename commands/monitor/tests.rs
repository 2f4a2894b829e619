//! Screens as people see them, at two sizes, with everything well, with sources down, and without
//! colours.
use std::time::Duration;

use discordctl::config::Level;
use discordctl::ops::monitor::{
    Alert, Breaker, Connections, Database, Figures, Instance, PostgresActivity, Query, Redis,
    Source, SqliteActivity, State, Table, Trends, View,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use tokio::time::Instant;

use super::draw::{Look, draw};
use super::screen::{Screen, Then};
use super::theme::Theme;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

fn figures(clients: f64) -> Figures {
    Figures {
        backup_age_hours: None,
        version: Some("0.1.0".into()),
        uptime_seconds: Some(7_500.0),
        clients: Some(clients),
        rooms: Some(41.0),
        messages_per_second: Some(1_250.4),
        deliveries_per_second: Some(12_504.0),
        delivery_p99_ms: Some(2.46),
        commit_p99_ms: Some(1.2),
        publish_p99_ms: Some(0.4),
        db_wait_p99_ms: Some(0.5),
        history_hit_rate: Some(99.4),
        session_cache_hit_rate: None,
        queue_depth: Some(3.0),
        presence_queue_depth: Some(0.0),
        pool_available: Some(8.0),
        pool_max: Some(10.0),
        pool_waiting: Some(0.0),
        breaker: Some(Breaker::Closed),
        bus_queue_depth: Some(0.0),
        readers_behind: Some(0.0),
        cpu_percent: Some(12.0),
        resident_bytes: Some(25_100_000.0),
    }
}

fn instance(number: u16) -> Instance {
    Instance {
        instance: format!("instance-{number}"),
        http: format!("127.0.0.1:{}", 3_000 + number),
        state: State::Healthy,
        reason: None,
        age_seconds: Some(0.0),
        figures: figures(f64::from(number) * 100.0),
    }
}

fn database() -> Database {
    let by = |state: &str, count| Connections {
        state: state.into(),
        count,
    };
    Database::Postgres(PostgresActivity {
        max_connections: 100,
        connections: vec![by("idle", 12), by("active", 2)],
        slowest: vec![Query {
            pid: 4711,
            application: "discordctl instance-1".into(),
            state: "active".into(),
            waits_for: Some("Lock transactionid".into()),
            seconds: 12.34,
            query: "UPDATE rooms SET last_seq = last_seq + $1 WHERE id = $2".into(),
        }],
        statements: None,
        database_bytes: 12_300_000,
        tables: vec![Table {
            table: "messages".into(),
            bytes: 4_000_000,
        }],
    })
}

fn redis() -> Redis {
    Redis {
        version: "7.0.15".into(),
        used_memory_bytes: 1_200_000,
        clients: 6,
        channels: 41,
        commands_per_second: 1_300,
        ..Redis::default()
    }
}

fn fresh<T: Clone>(address: &str, data: T) -> Source<T> {
    Source {
        address: address.into(),
        age_seconds: Some(0.0),
        error: None,
        now: Some(data.clone()),
        last: Some(data),
    }
}

fn well() -> View {
    let curve = |of: fn(f64) -> f64| (0..60).map(|i| Some(of(f64::from(i)))).collect();
    View {
        at: "2024-01-15T10:30:00.000Z".into(),
        looked: Instant::now().into_std(),
        instances: (1..=3).map(instance).collect(),
        database: fresh("postgresql://db/chat", database()),
        redis: Some(fresh("redis://cache", redis())),
        alerts: Vec::new(),
        trends: Trends {
            messages_per_second: curve(|i| 1_000.0 + 20.0 * i),
            delivery_p99_ms: curve(|i| 2.0 + (i % 7.0)),
            queue_depth: curve(|_| 0.0),
            clients: curve(|i| (i / 10.0).floor()),
        },
    }
}

/// One instance killed, Redis gone, the database silent for twelve seconds.
fn unwell() -> View {
    let mut view = well();
    let down = &mut view.instances[2];
    down.state = State::Down;
    down.reason = Some("nothing listens there".into());
    down.age_seconds = Some(12.0);
    down.figures = Figures::default();
    view.instances[0].state = State::Degraded;
    view.database.now = None;
    view.database.age_seconds = Some(12.0);
    view.database.error = Some("no answer within 1.5s".into());
    let redis = view.redis.as_mut().expect("there is one");
    (redis.now, redis.last, redis.age_seconds) = (None, None, None);
    redis.error = Some("Connection refused (os error 111)".into());
    view.trends.messages_per_second.extend([None, None]);
    let alert = |level, source: &str, metric, text: &str, runbook| Alert {
        level,
        source: source.into(),
        metric,
        text: text.into(),
        since: "2024-01-15T10:29:54.000Z".into(),
        runbook: Some(runbook),
    };
    view.alerts = vec![
        alert(
            Level::Critical,
            "instance-3",
            "state",
            "down: nothing listens there",
            "bad-deploy",
        ),
        alert(
            Level::Warning,
            "redis",
            "reachable",
            "no answer: Connection refused (os error 111)",
            "valkey-down",
        ),
    ];
    view
}

/// Half a second after the look.
fn drawn(size: (u16, u16), screen: &Screen, view: &View, colours: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a terminal");
    let look = Look {
        screen,
        view: Some(view),
        now: view.looked + Duration::from_millis(500),
        interval: Duration::from_secs(2),
        theme: Theme { colours },
    };
    terminal.draw(|frame| draw(frame, look)).expect("it draws");
    terminal.backend().buffer().clone()
}

fn shown(size: (u16, u16), screen: &Screen, view: &View) -> String {
    let buffer = drawn(size, screen, view, false);
    let rows = buffer.content.chunks(usize::from(size.0));
    let rows = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
    rows.map(|row| row.trim_end().to_owned() + "\n").collect()
}

fn pressed(keys: &[KeyCode], view: &View) -> (Screen, Then) {
    let mut screen = Screen::default();
    let mut then = Then::GoOn;
    for code in keys {
        then = screen.key(KeyEvent::new(*code, KeyModifiers::NONE), Some(view));
    }
    (screen, then)
}

#[test]
fn all_is_well() {
    let screen = Screen::default();
    insta::assert_snapshot!("well_80x24", shown(SMALL, &screen, &well()));
    insta::assert_snapshot!("well_200x60", shown(LARGE, &screen, &well()));
}

#[test]
fn what_is_down_has_its_age_and_no_figures() {
    let screen = Screen::default();
    insta::assert_snapshot!("unwell_80x24", shown(SMALL, &screen, &unwell()));
    insta::assert_snapshot!("unwell_200x60", shown(LARGE, &screen, &unwell()));
}

#[test]
fn the_embedded_database_and_no_redis() {
    let mut view = well();
    let files = Database::Sqlite(SqliteActivity {
        file_bytes: 4_200_000,
        wal_bytes: 65_536,
    });
    view.database = fresh("sqlite://data/discord.db", files);
    view.redis = None;
    view.instances.truncate(1);
    insta::assert_snapshot!("sqlite_80x24", shown(SMALL, &Screen::default(), &view));
}

#[test]
fn without_colours_there_is_none_and_with_them_there_are() {
    let coloured = |colours| {
        let buffer = drawn(SMALL, &Screen::default(), &unwell(), colours);
        let plain =
            |cell: &ratatui::buffer::Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
        !buffer.content.iter().all(plain)
    };
    assert!(!coloured(false));
    assert!(coloured(true));
}

#[test]
fn many_instances_say_how_many_are_not_shown() {
    let mut view = well();
    view.instances = (1..=30).map(instance).collect();
    let text = shown(SMALL, &Screen::default(), &view);
    assert!(text.contains("… 24 more"), "{text}");
    assert!(shown(LARGE, &Screen::default(), &view).contains("instance-22"));
}

#[test]
fn sorting_and_filtering() {
    let view = unwell();
    let names = |keys: &[KeyCode]| -> Vec<String> {
        let (screen, _) = pressed(keys, &view);
        let instances = screen.instances(&view);
        instances
            .iter()
            .map(|instance| instance.instance.clone())
            .collect()
    };
    let key = KeyCode::Char;
    assert_eq!(names(&[]), ["instance-1", "instance-2", "instance-3"]);
    // By state: the worst first. By clients: the most first.
    assert_eq!(
        names(&[key('s')]),
        ["instance-3", "instance-1", "instance-2"]
    );
    assert_eq!(
        names(&[key('s'), key('s')]),
        ["instance-2", "instance-1", "instance-3"]
    );
    assert_eq!(
        names(&[key('S')]),
        ["instance-3", "instance-2", "instance-1"]
    );
    let typed = [key('/'), key('-'), key('2'), KeyCode::Enter];
    assert_eq!(names(&typed), ["instance-2"]);
    assert_eq!(names(&[&typed[..], &[KeyCode::Esc]].concat()).len(), 3);
    assert_eq!(
        names(&[key('/'), key('d'), key('o'), key('w')]),
        ["instance-3"]
    );
    // While a filter is typed, q is a letter.
    assert_eq!(pressed(&[key('/'), key('q')], &view).1, Then::GoOn);
    assert_eq!(pressed(&[key('q')], &view).1, Then::Quit);
}

#[test]
fn an_alert_opens_its_runbook() {
    let view = unwell();
    let (screen, _) = pressed(&[KeyCode::Down, KeyCode::Enter], &view);
    let text = shown(SMALL, &screen, &view);
    assert!(
        text.contains("runbook valkey-down") && text.contains("Symptoms"),
        "{text}"
    );
    let (screen, then) = pressed(&[KeyCode::Down, KeyCode::Enter, KeyCode::Char('q')], &view);
    assert_eq!((screen.page, then), (None, Then::GoOn));
}

#[test]
fn help_and_pause() {
    let view = well();
    let (screen, _) = pressed(&[KeyCode::Char('?')], &view);
    insta::assert_snapshot!("help_80x24", shown(SMALL, &screen, &view));
    let (screen, _) = pressed(&[KeyCode::Char('p')], &view);
    assert!(shown(SMALL, &screen, &view).contains("PAUSED"));
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    let text = shown((40, 10), &Screen::default(), &well());
    assert!(text.contains("too small"), "{text}");
}
