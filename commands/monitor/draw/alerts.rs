//! What a person should look at, worst first, and the runbook that deals with it.
use discordctl::config::Level;
use discordctl::ops::monitor::View;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{List, ListState};

use super::Look;

pub(super) fn draw(frame: &mut Frame, area: Rect, look: Look, view: &View) {
    let theme = look.theme;
    let count = view.alerts.len();
    let title = match count {
        0 => "Alerts: none".to_owned(),
        count => format!("Alerts: {count}"),
    };
    let [head, below] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(Line::styled(title, theme.title()), head);
    let alerts = view.alerts.iter().map(|alert| {
        let level = match alert.level {
            Level::Critical => "CRITICAL",
            Level::Warning => "WARNING ",
            Level::Ok => "",
        };
        let since = alert.since.get(11..19).unwrap_or(&alert.since);
        let runbook = alert
            .runbook
            .map_or_else(String::new, |name| format!(" [{name}]"));
        let rest = format!(
            " {since} {} {}{runbook} {}",
            alert.source, alert.metric, alert.text
        );
        Line::from(vec![
            Span::styled(level, theme.level(alert.level)),
            rest.into(),
        ])
    });
    let list = List::new(alerts)
        .highlight_symbol(">")
        .highlight_style(theme.selected());
    // The chosen one stays on the screen.
    let selected = look.screen.selected.min(count.saturating_sub(1));
    let mut state = ListState::default().with_selected(Some(selected));
    frame.render_stateful_widget(list, below, &mut state);
}
