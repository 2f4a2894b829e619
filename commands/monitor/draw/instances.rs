//! A row for each instance; the wider the screen, the more columns.
use discordctl::ops::monitor::{Instance, State, View};
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::Text;
use ratatui::widgets::{Cell, Row, Table};

use super::Look;
use crate::monitor::text::{self, short};

struct Column {
    title: &'static str,
    width: u16,
    of: fn(&Instance) -> String,
}

const fn column(title: &'static str, width: u16, of: fn(&Instance) -> String) -> Column {
    Column { title, width, of }
}

/// After name, state and age, in the order in which they are given up.
const COLUMNS: [Column; 20] = [
    column("CLIENTS", 7, |i| short(i.figures.clients)),
    column("ROOMS", 5, |i| short(i.figures.rooms)),
    column("MSG/S", 6, |i| short(i.figures.messages_per_second)),
    column("P99 MS", 6, |i| short(i.figures.delivery_p99_ms)),
    column("QUEUE", 5, |i| short(i.figures.queue_depth)),
    column("POOL", 7, |i| text::pool(&i.figures)),
    column("BREAKER", 7, |i| text::breaker(&i.figures).to_owned()),
    column("DELIV/S", 7, |i| short(i.figures.deliveries_per_second)),
    column("COMMIT MS", 9, |i| short(i.figures.commit_p99_ms)),
    column("PUBLISH MS", 10, |i| short(i.figures.publish_p99_ms)),
    column("DB WAIT MS", 10, |i| short(i.figures.db_wait_p99_ms)),
    column("JOIN QUEUE", 10, |i| short(i.figures.presence_queue_depth)),
    column("BUS QUEUE", 9, |i| short(i.figures.bus_queue_depth)),
    column("BEHIND", 6, |i| short(i.figures.readers_behind)),
    column("CPU %", 5, |i| short(i.figures.cpu_percent)),
    column("HISTORY %", 9, |i| short(i.figures.history_hit_rate)),
    column("SESSION %", 9, |i| short(i.figures.session_cache_hit_rate)),
    column("MEMORY", 9, |i| text::bytes(i.figures.resident_bytes)),
    column("UP", 6, |i| match i.figures.uptime_seconds {
        None => text::NONE.to_owned(),
        up => text::age(up),
    }),
    column("VERSION", 8, |i| {
        i.figures
            .version
            .clone()
            .unwrap_or_else(|| text::NONE.to_owned())
    }),
];

/// Name, state and age, with the spaces after them.
const NAME: u16 = 14;
const STATE: u16 = 9;
const AGE: u16 = 5;

fn columns(width: u16) -> &'static [Column] {
    let mut left = width.saturating_sub(NAME + STATE + AGE + 2);
    let fitting = COLUMNS.iter().take_while(|column| {
        let needed = column.width + 1;
        let fits = left >= needed;
        left = left.saturating_sub(needed);
        fits
    });
    &COLUMNS[..fitting.count()]
}

pub(super) fn draw(frame: &mut Frame, area: Rect, look: Look, view: &View) {
    let columns = columns(area.width);
    let right = |text: String| Cell::new(Text::from(text).right_aligned());
    let mut head: Vec<Cell> = ["INSTANCE", "STATE"].map(Cell::new).into();
    head.push(right("AGE".into()));
    head.extend(columns.iter().map(|column| right(column.title.into())));

    let instances = look.screen.instances(view);
    let room = usize::from(area.height.saturating_sub(1));
    let hidden = if instances.len() > room {
        instances.len() - (room - 1)
    } else {
        0
    };
    let mut rows: Vec<Row> = instances
        .iter()
        .take(instances.len() - hidden)
        .map(|instance| {
            let age = text::age(look.age(view, instance.age_seconds));
            let mut cells = vec![
                Cell::new(instance.instance.clone()),
                Cell::new(instance.state.as_str()).style(look.theme.state(instance.state)),
                right(age),
            ];
            cells.extend(columns.iter().map(|column| right((column.of)(instance))));
            Row::new(cells).style(match instance.state {
                State::Down => look.theme.faint(),
                _ => Style::new(),
            })
        })
        .collect();
    if hidden > 0 {
        let more = format!("… {hidden} more");
        rows.push(Row::new([more]).style(look.theme.faint()));
    }
    if instances.is_empty() {
        rows.push(Row::new(["none is like that"]).style(look.theme.faint()));
    }
    let used: u16 = columns.iter().map(|column| column.width + 1).sum();
    let spare = area
        .width
        .saturating_sub(NAME + STATE + AGE + 2 + used)
        .min(20);
    let mut widths = vec![NAME + spare, STATE, AGE];
    widths.extend(columns.iter().map(|column| column.width));
    let table = Table::new(rows, widths.into_iter().map(Constraint::Length))
        .column_spacing(1)
        .header(Row::new(head).style(look.theme.head()));
    frame.render_widget(table, area);
}
