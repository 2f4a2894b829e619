//! Tells of junk on the channels without letting it fill the log.
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::bus::wire::Junk;

const EVERY: Duration = Duration::from_secs(60);

/// Junk since the log last heard of it, and when that was.
#[derive(Debug, Default)]
pub(super) struct JunkLog(Mutex<(u64, Option<Instant>)>);

impl JunkLog {
    /// Takes note, and warns if that was not done within the last minute.
    pub(super) fn note(&self, channel: &str, junk: &Junk) {
        if let Some(count) = self.due(Instant::now()) {
            // Debug escapes: the name of a channel comes from outside as well.
            tracing::warn!(count, ?channel, reason = %junk, "junk on the bus, ignored");
        }
    }

    /// How much there is to tell, if now is the time.
    pub(super) fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let (count, told) = &mut *state;
        *count += 1;
        if told.is_some_and(|told| now.duration_since(told) < EVERY) {
            return None;
        }
        *told = Some(now);
        Some(std::mem::take(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_rest_once_a_minute() {
        let (log, start) = (JunkLog::default(), Instant::now());
        assert_eq!(log.due(start), Some(1));
        for second in 1..60 {
            assert_eq!(log.due(start + Duration::from_secs(second)), None);
        }
        assert_eq!(log.due(start + EVERY), Some(60));
        assert_eq!(log.due(start + EVERY), None);
    }
}
