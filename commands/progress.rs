//! How far something is, on stderr, where that is a terminal.
use discordctl::ops::archive::Watch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that counts messages.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(what: &'static str) -> Self {
        // Elsewhere than on a terminal nothing is drawn.
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(
            "{prefix} {bar:30} {human_pos}/{human_len} messages, {per_sec}, {eta} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(what);
        Self(bar)
    }

    /// Makes room for the result.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Watch for Progress {
    fn expect(&self, messages: u64) {
        self.0.inc_length(messages);
    }

    fn wants_total(&self) -> bool {
        !self.0.is_hidden()
    }

    fn advance(&self, messages: u64) {
        self.0.inc(messages);
    }
}
