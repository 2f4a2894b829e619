//! The last minutes as curves, newest at the right.
use discordctl::ops::monitor::Trends;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

use crate::monitor::text::short;
use crate::monitor::theme::Theme;

pub(super) fn draw(frame: &mut Frame, area: Rect, theme: Theme, trends: &Trends) {
    let curves = [
        ("messages/s", &trends.messages_per_second),
        ("P99 ms", &trends.delivery_p99_ms),
        ("queue", &trends.queue_depth),
        ("clients", &trends.clients),
    ];
    let places: [Rect; 4] = Layout::horizontal([Constraint::Fill(1); 4])
        .spacing(2)
        .areas(area);
    for ((name, values), place) in curves.into_iter().zip(places) {
        curve(frame, place, theme, name, values);
    }
}

fn curve(frame: &mut Frame, area: Rect, theme: Theme, name: &str, values: &[Option<f64>]) {
    let [head, below] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    let shown = &values[values.len().saturating_sub(below.width.into())..];
    let most = shown.iter().flatten().copied().reduce(f64::max);
    let now = short(values.last().copied().flatten());
    let mut title = vec![
        Span::styled(name.to_owned(), theme.title()),
        format!(" {now}").into(),
    ];
    if most.is_some() {
        title.push(Span::styled(format!(" max {}", short(most)), theme.faint()));
    }
    frame.render_widget(Paragraph::new(Line::from(title)), head);
    // In tenths, since the curve takes whole numbers; a gap is a look that brought nothing.
    let bars = shown
        .iter()
        .map(|value| value.map(|value| (value * 10.0) as u64));
    let line = Sparkline::default()
        .style(theme.curve())
        .absent_value_symbol("·")
        .data(bars);
    let width = u16::try_from(shown.len()).unwrap_or(below.width);
    let [_, right] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(width)]).areas(below);
    frame.render_widget(line, right);
}
