//! The screen: instances above, then the last minutes, the database and Redis, and alerts.
mod alerts;
mod instances;
mod sources;
mod trends;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use discordctl::model::plain;
use discordctl::ops::monitor::{State, View};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::screen::{Page, SORTS, Screen};
use super::text;
use super::theme::Theme;

/// Below this nothing would be readable.
const SMALLEST: (u16, u16) = (60, 16);
/// From this height on there is room for air, and for more of everything.
const TALL: u16 = 40;

/// What a drawing needs to know.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) screen: &'a Screen,
    pub(super) view: Option<&'a View>,
    pub(super) now: Instant,
    pub(super) interval: Duration,
    pub(super) theme: Theme,
}

impl Look<'_> {
    /// How old something is now that was `age` old at the look.
    fn age(&self, view: &View, age: Option<f64>) -> Option<f64> {
        let since = self.now.saturating_duration_since(view.looked);
        age.map(|age| age + since.as_secs_f64())
    }
}

pub(super) fn draw(frame: &mut Frame, look: Look) {
    compose(frame, look);
    // Whatever an instance, a database or a Redis said, it commands no terminal.
    for cell in &mut frame.buffer_mut().content {
        if let Cow::Owned(shown) = plain(cell.symbol()) {
            cell.set_symbol(&shown);
        }
    }
}

fn compose(frame: &mut Frame, look: Look) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let (width, height) = SMALLEST;
        let text =
            format!("The terminal is too small: {width} columns and {height} lines are needed.");
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
    }
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(header(look), head);
    frame.render_widget(Paragraph::new(footer(look)), foot);
    match look.view {
        Some(view) => sections(frame, body, look, view),
        None => frame.render_widget(Paragraph::new("asking …"), body),
    }
    if let Some(page) = &look.screen.page {
        overlay(frame, area, look, page);
    }
}

fn sections(frame: &mut Frame, area: Rect, look: Look, view: &View) {
    let tall = area.height >= TALL - 2;
    let shown = look.screen.instances(view).len().max(1);
    let rows = u16::try_from(shown + 1)
        .unwrap_or(u16::MAX)
        .min((area.height * 2 / 5).max(3));
    let (trends, sources) = if tall { (7, 14) } else { (3, 6) };
    let [instances, trends, sources, alerts] = Layout::vertical([
        Constraint::Length(rows),
        Constraint::Length(trends),
        Constraint::Length(sources),
        Constraint::Min(3),
    ])
    .spacing(u16::from(tall))
    .areas(area);
    instances::draw(frame, instances, look, view);
    trends::draw(frame, trends, look.theme, &view.trends);
    sources::draw(frame, sources, look, view);
    alerts::draw(frame, alerts, look, view);
}

fn header<'a>(look: Look<'a>) -> Line<'a> {
    let mut spans = vec![Span::styled("discordctl monitor", look.theme.title())];
    if look.screen.paused {
        spans.push(Span::raw("  "));
        spans.push(Span::styled(" PAUSED ", look.theme.selected()));
    }
    if let Some(view) = look.view {
        let count = |is: fn(State) -> bool| view.instances.iter().filter(|i| is(i.state)).count();
        let answering = count(|state| state != State::Down);
        let healthy = count(|state| state == State::Healthy);
        let all = view.instances.len();
        let summary = format!("  {answering} of {all} answer, {healthy} healthy");
        let style = match (answering == all, healthy == all) {
            (true, true) => look.theme.state(State::Healthy),
            (true, false) => look.theme.state(State::Degraded),
            (false, _) => look.theme.state(State::Down),
        };
        spans.push(Span::styled(summary, style));
        let time = view.at.get(11..19).unwrap_or(&view.at);
        let age = text::age(look.age(view, Some(0.0)));
        spans.push(format!("  {time} UTC, {age} ago, every {:?}", look.interval).into());
    }
    Line::from(spans)
}

fn footer<'a>(look: Look<'a>) -> Line<'a> {
    let screen = look.screen;
    if screen.typing {
        return Line::from(format!(
            "/{}▏   Enter keeps it, Esc drops it",
            screen.filter
        ));
    }
    let way = if screen.reversed { "↑" } else { "" };
    let filter = match screen.filter.as_str() {
        "" => String::new(),
        filter => format!(": {filter}"),
    };
    Line::styled(
        format!(
            "q quit  ? help  s sort: {}{way}  / filter{filter}  p pause  ↑↓ alert  Enter runbook",
            SORTS[screen.sort].name
        ),
        look.theme.faint(),
    )
}

fn overlay(frame: &mut Frame, area: Rect, look: Look, page: &Page) {
    let title = format!(" {}  (Esc back, ↑↓ scroll) ", page.title);
    let block = Block::bordered().title(Span::styled(title, look.theme.title()));
    let text = Paragraph::new(page.text.as_str()).scroll((page.scroll, 0));
    frame.render_widget(Clear, area);
    frame.render_widget(text.wrap(Wrap { trim: false }).block(block), area);
}
