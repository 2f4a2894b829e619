//! What a person has chosen to see, and what keys do to it.
use std::cmp::Ordering;

use discordctl::ops::monitor::{Alert, Figures, Instance, View};
use discordctl::ops::runbook;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What the list of instances is sorted by: its name, and what comes first, which is what a person
/// looks for. Instances that are alike are sorted by their own names.
pub(super) struct Sort {
    pub(super) name: &'static str,
    order: fn(&Instance, &Instance) -> Ordering,
}

pub(super) const SORTS: [Sort; 6] = [
    sort("name", |_, _| Ordering::Equal),
    sort("state", |a, b| a.state.cmp(&b.state)),
    sort("clients", |a, b| most(a, b, |f| f.clients)),
    sort("msg/s", |a, b| most(a, b, |f| f.messages_per_second)),
    sort("p99", |a, b| most(a, b, |f| f.delivery_p99_ms)),
    sort("queue", |a, b| most(a, b, |f| f.queue_depth)),
];

const fn sort(name: &'static str, order: fn(&Instance, &Instance) -> Ordering) -> Sort {
    Sort { name, order }
}

/// The largest first, and last those of which it is not known.
fn most(a: &Instance, b: &Instance, of: fn(&Figures) -> Option<f64>) -> Ordering {
    let (a, b) = (of(&a.figures), of(&b.figures));
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

/// Something that covers the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) text: String,
    pub(super) scroll: u16,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Screen {
    /// Which of [`SORTS`].
    pub(super) sort: usize,
    pub(super) reversed: bool,
    pub(super) filter: String,
    /// Keys go into the filter.
    pub(super) typing: bool,
    pub(super) paused: bool,
    /// Which alert, from above.
    pub(super) selected: usize,
    pub(super) page: Option<Page>,
}

/// What a key asks of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    Quit,
    Interrupt,
}

pub(super) const HELP: &str = "\
q       quit                       p, Space  pause, and go on
s       sort by the next column    S         sort the other way round
/       only instances whose name or state has this: Enter keeps, Esc drops it
↑ ↓     choose an alert            Enter, r  open its runbook
?       this page                  Esc       back

A dash is a figure that is not known: the instance does not answer, or
nothing happened that could be measured. AGE is how old the answer is.

MSG/S   messages committed a second, over the last five seconds
P99 MS  of 100 messages of the last minute, 99 were handed to a reader's
        socket within this after they were sent
QUEUE   messages waiting to be committed
POOL    free database connections of all, and how many requests wait
BREAKER OPEN: so many wait that new requests are turned away

An alert is raised when three looks one after another are beyond the
threshold, and goes after three that are a fifth of the way back: at 80
where 100 is the threshold. 'discordctl runbook run NAME' walks a runbook.";

impl Screen {
    /// Those that the filter lets through, in order.
    pub(super) fn instances<'v>(&self, view: &'v View) -> Vec<&'v Instance> {
        let wanted = self.filter.to_lowercase();
        let shown = |instance: &&Instance| {
            instance.instance.to_lowercase().contains(&wanted)
                || instance.state.as_str().contains(&wanted)
        };
        let mut instances: Vec<_> = view.instances.iter().filter(shown).collect();
        let order = SORTS[self.sort].order;
        instances.sort_by(|a, b| order(a, b).then_with(|| a.instance.cmp(&b.instance)));
        if self.reversed {
            instances.reverse();
        }
        instances
    }

    pub(super) fn alert<'v>(&self, view: &'v View) -> Option<&'v Alert> {
        let last = view.alerts.len().checked_sub(1)?;
        view.alerts.get(self.selected.min(last))
    }

    pub(super) fn key(&mut self, key: KeyEvent, view: Option<&View>) -> Then {
        if key.kind == KeyEventKind::Release {
            return Then::GoOn;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            return Then::Interrupt;
        }
        if self.page.is_some() {
            return self.key_on_page(key.code);
        }
        if self.typing {
            self.key_in_filter(key.code);
            return Then::GoOn;
        }
        match key.code {
            KeyCode::Char('q') => return Then::Quit,
            KeyCode::Char('?' | 'h') => self.open("help", HELP.to_owned()),
            KeyCode::Char('s') => self.sort = (self.sort + 1) % SORTS.len(),
            KeyCode::Char('S') => self.reversed = !self.reversed,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => {
                let last = view.map_or(0, |view| view.alerts.len().saturating_sub(1));
                self.selected = (self.selected + 1).min(last);
            }
            KeyCode::Enter | KeyCode::Char('r') => self.open_runbook(view),
            _ => {}
        }
        Then::GoOn
    }

    fn key_in_filter(&mut self, code: KeyCode) {
        const LONGEST: usize = 40;
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if self.filter.chars().count() < LONGEST => self.filter.push(c),
            _ => {}
        }
    }

    fn key_on_page(&mut self, code: KeyCode) -> Then {
        const PAGE: u16 = 15;
        let Some(page) = &mut self.page else {
            return Then::GoOn;
        };
        let last = u16::try_from(page.text.lines().count())
            .unwrap_or(u16::MAX)
            .saturating_sub(5);
        page.scroll = match code {
            KeyCode::Esc | KeyCode::Char('q' | '?') | KeyCode::Enter => {
                self.page = None;
                return Then::GoOn;
            }
            KeyCode::Up | KeyCode::Char('k') => page.scroll.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => (page.scroll + 1).min(last),
            KeyCode::PageUp => page.scroll.saturating_sub(PAGE),
            KeyCode::PageDown | KeyCode::Char(' ') => (page.scroll + PAGE).min(last),
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => page.scroll,
        };
        Then::GoOn
    }

    fn open_runbook(&mut self, view: Option<&View>) {
        let Some(alert) = view.and_then(|view| self.alert(view)) else {
            return;
        };
        let Some(name) = alert.runbook else {
            return self.open(
                "no runbook",
                format!("{}\n\nThere is no runbook for it.", alert.text),
            );
        };
        let text = runbook::text(name)
            .unwrap_or_else(|| format!("runbooks/{name}.md is not in this program"));
        self.open(&format!("runbook {name}"), text);
    }

    fn open(&mut self, title: &str, text: String) {
        self.page = Some(Page {
            title: title.to_owned(),
            text,
            scroll: 0,
        });
    }
}
