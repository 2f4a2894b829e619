//! What a person should look at, worst first, and the runbook that deals with it.
use discordctl::config::Level;
use discordctl::ops::monitor::View;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Look;

pub(super) fn draw(frame: &mut Frame, area: Rect, look: Look, view: &View) {
    let theme = look.theme;
    let count = view.alerts.len();
    let title = match count {
        0 => "Alerts: none".to_owned(),
        count => format!("Alerts: {count}"),
    };
    let mut lines = vec![Line::styled(title, theme.title())];
    let selected = look.screen.selected.min(count.saturating_sub(1));
    let room = usize::from(area.height.saturating_sub(1)).max(1);
    // The chosen one stays on the screen.
    let first = (selected + 1).saturating_sub(room);
    for (i, alert) in view.alerts.iter().enumerate().skip(first).take(room) {
        let level = match alert.level {
            Level::Critical => "CRITICAL",
            Level::Warning => "WARNING ",
            Level::Ok => "",
        };
        let since = alert.since.get(11..19).unwrap_or(&alert.since);
        let runbook = alert
            .runbook
            .map_or_else(String::new, |name| format!(" [{name}]"));
        let mark = if i == selected { ">" } else { " " };
        let line = Line::from(vec![
            Span::raw(mark),
            Span::styled(level, theme.level(alert.level)),
            format!(
                " {since} {} {}{runbook} {}",
                alert.source, alert.metric, alert.text
            )
            .into(),
        ]);
        lines.push(if i == selected {
            line.patch_style(theme.selected())
        } else {
            line
        });
    }
    frame.render_widget(Paragraph::new(lines), area);
}
