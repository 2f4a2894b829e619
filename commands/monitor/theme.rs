//! How things look. Without colours, what matters is still bold, dim or reversed, and said in words.
use discordctl::config::Level;
use discordctl::ops::monitor::State;
use ratatui::style::{Color, Modifier, Style};

#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    pub(super) colours: bool,
}

impl Theme {
    fn coloured(self, colour: Color, modifier: Modifier) -> Style {
        let style = Style::new().add_modifier(modifier);
        if self.colours {
            style.fg(colour)
        } else {
            style
        }
    }

    pub(super) fn title(self) -> Style {
        self.coloured(Color::Cyan, Modifier::BOLD)
    }

    pub(super) fn head(self) -> Style {
        Style::new().add_modifier(Modifier::UNDERLINED)
    }

    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn curve(self) -> Style {
        self.coloured(Color::Cyan, Modifier::empty())
    }

    pub(super) fn level(self, level: Level) -> Style {
        match level {
            Level::Ok => self.coloured(Color::Green, Modifier::empty()),
            Level::Warning => self.coloured(Color::Yellow, Modifier::BOLD),
            Level::Critical => self.coloured(Color::Red, Modifier::BOLD),
        }
    }

    pub(super) fn state(self, state: State) -> Style {
        self.level(match state {
            State::Healthy => Level::Ok,
            State::Draining | State::Degraded => Level::Warning,
            State::Unhealthy | State::Down => Level::Critical,
        })
    }
}
