//! The full screen: looks, keys and signals side by side, and a terminal that is as it was
//! afterwards, however this ends.
use std::time::Duration;

use anyhow::Context;
use discordctl::ops::monitor::{Monitor, View};
use discordctl::server::Signals;
use futures_util::StreamExt;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::Event;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::draw::{Look, draw};
use super::screen::{Screen, Then};
use super::theme::Theme;
use crate::exit::Exit;

/// Ages grow also while nothing new comes.
const REDRAW: Duration = Duration::from_millis(500);

/// Gives the terminal back. A panic does so by itself: ratatui has a hook for it.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

pub(super) async fn run(
    mut monitor: Monitor,
    every: Duration,
    theme: Theme,
) -> anyhow::Result<Exit> {
    let (looks, latest) = watch::channel(None);
    let looking = async move {
        let mut pace = interval(every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            looks.send_replace(Some(monitor.look().await));
        }
    };
    let _restore = Restore;
    let terminal = ratatui::try_init().context("cannot use this terminal")?;
    tokio::select! {
        exit = watching(terminal, latest, every, theme) => exit,
        never = looking => never,
    }
}

async fn watching(
    mut terminal: DefaultTerminal,
    mut latest: watch::Receiver<Option<View>>,
    interval: Duration,
    theme: Theme,
) -> anyhow::Result<Exit> {
    let mut events = crossterm::event::EventStream::new();
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    let mut screen = Screen::default();
    let mut shown: Option<View> = None;
    let mut pace = tokio::time::interval(REDRAW);
    loop {
        let look = Look {
            screen: &screen,
            view: shown.as_ref(),
            now: Instant::now().into_std(),
            interval,
            theme,
        };
        terminal
            .draw(|frame| draw(frame, look))
            .context("cannot draw")?;
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(Event::Key(key))) => match screen.key(key, shown.as_ref()) {
                    Then::GoOn => {}
                    Then::Quit => return Ok(Exit::Done),
                    Then::Interrupt => return Ok(Exit::Interrupted),
                },
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("cannot read the keyboard"),
                None => return Ok(Exit::Done),
            },
            Ok(()) = latest.changed() => {}
            signal = signals.next() => return Ok(Exit::of_signal(signal)),
            _ = hangup.recv() => return Ok(Exit::Terminated),
            _ = pace.tick() => {}
        }
        if !screen.paused {
            shown = latest.borrow_and_update().clone();
        }
    }
}
