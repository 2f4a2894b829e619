//! A reader that goes on elsewhere: how far it has come in its room, and when it next leaves.
use std::time::Duration;

use memchr::memmem;

use super::plan::{Seat, micros};
use super::tally::Tally;
use crate::client::raw::Position;
use crate::random;

#[derive(Debug)]
pub(super) struct Reconnect {
    pub(super) seat: Seat,
    pub(super) position: Position,
    /// It cuts its connection then, in microseconds since the start.
    pub(super) leaves: u64,
}

/// How an event and a frame tell that messages are missing.
const GAPS: [&[u8]; 2] = [b"event: gap\n", br#""type":"gap""#];
/// Before the place of a message. What people write cannot hold it: its quotes are escaped.
const SEQ: &[u8] = br#""seq":"#;

impl Reconnect {
    pub(super) fn new(seat: Seat, position: Position, every: Duration, now: u64) -> Self {
        Self {
            seat,
            position,
            leaves: now + micros(jittered(every)),
        }
    }

    /// Notes the place of a message, which must be the next.
    pub(super) fn follow(&mut self, unit: &[u8], tally: &mut Tally) {
        let Some(seq) = seq(unit) else {
            if GAPS.iter().any(|gap| memmem::find(unit, gap).is_some()) {
                tally.error("gap");
            }
            return;
        };
        if self.position.last.is_some_and(|last| seq != last + 1) {
            tally.error("not_consecutive");
        }
        self.position.last = Some(seq);
    }
}

fn seq(unit: &[u8]) -> Option<u64> {
    let at = memmem::find(unit, SEQ)? + SEQ.len();
    let digits = unit[at..].iter().take_while(|byte| byte.is_ascii_digit());
    let seq = digits.fold(0u64, |seq, digit| {
        seq.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
    });
    Some(seq)
}

/// Anything up to twice `time`.
pub(super) fn jittered(time: Duration) -> Duration {
    random::between(Duration::ZERO, 2 * time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_in_an_event_and_in_a_frame() {
        let event = b"event: message\nid: 7\ndata: {\"id\":9,\"seq\":7,\"room\":\"a\"}\n\n";
        let frame = b"\x81\x40{\"type\":\"message\",\"id\":9,\"seq\":12,\"room\":\"a\"}";
        assert_eq!((seq(event), seq(frame)), (Some(7), Some(12)));
        assert_eq!(seq(br#"{"type":"reply","data":{"last_seq":3}}"#), None);
        assert_eq!(seq(br#"{"type":"system","text":"\"seq\":3"}"#), None);
    }

    #[test]
    fn who_leaves_does_so_within_twice_the_time() {
        let every = Duration::from_secs(1);
        assert!((0..100).all(|_| jittered(every) <= 2 * every));
    }
}
