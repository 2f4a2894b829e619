//! Entries in what comes: messages told from what is done to them, and their places in a room,
//! which have no hole.
use memchr::{memchr, memchr2, memmem};

use super::ledger::Came;
use crate::client::wire::Wire;

/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Event,
}

/// An entry, as far as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) seq: u64,
    pub(super) kind: Kind,
}

/// Behind a frame's header, which is no longer.
const HEADER: usize = 14;
const TYPE: &[u8] = br#"{"type":""#;
const SEQ: &[u8] = br#""seq":"#;
/// What is an event in both.
const EVENTS: [&[u8]; 5] = [b"edit", b"delete", b"reaction", b"pin", b"topic"];

/// The entry that `unit` shows, if it is one. A line shows its place where that was asked for.
#[inline]
pub(super) fn shown(wire: &Wire, unit: &[u8]) -> Option<Shown> {
    match wire {
        Wire::Lines => {
            let (seq, rest) = number(unit.strip_prefix(b"#")?)?;
            let rest = rest.strip_prefix(b" [")?;
            let user = memchr(b']', rest)?;
            let end = user + memchr2(b':', b' ', rest.get(user + 2..)?)? + 2;
            let kind = if rest[end] == b':' {
                Kind::Message
            } else {
                Kind::Event
            };
            Some(Shown { seq, kind })
        }
        Wire::Events(_) => {
            let rest = unit.strip_prefix(b"event: ")?;
            let name = memchr(b'\n', rest)?;
            let (seq, _) = number(rest[name..].strip_prefix(b"\nid: ")?)?;
            let kind = kind(&rest[..name])?;
            Some(Shown { seq, kind })
        }
        Wire::Frames => {
            let begun = memmem::find(&unit[..unit.len().min(HEADER + TYPE.len())], TYPE)?;
            let rest = &unit[begun + TYPE.len()..];
            let name = memchr(b'"', rest)?;
            let kind = kind(&rest[..name])?;
            let (seq, _) = number(&rest[memmem::find(rest, SEQ)? + SEQ.len()..])?;
            Some(Shown { seq, kind })
        }
    }
}

/// Whether a message without a text that is known was taken back.
pub(super) fn is_gone(wire: &Wire, unit: &[u8]) -> bool {
    match wire {
        Wire::Lines => unit.ends_with(b": (deleted)\n"),
        Wire::Events(_) | Wire::Frames => memmem::find(unit, br#""deleted":true"#).is_some(),
    }
}

/// The message that an event shown as a line is about.
pub(super) fn target(line: &[u8]) -> Option<u64> {
    let at = memmem::find(line, b" #")? + 2;
    number(&line[at..]).map(|(target, _)| target)
}

fn kind(name: &[u8]) -> Option<Kind> {
    if name == b"message" {
        return Some(Kind::Message);
    }
    EVENTS.contains(&name).then_some(Kind::Event)
}

/// The digits with which `bytes` begins, and what follows.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    let count = digits.count();
    let number = bytes[..count].iter().fold(0u64, |number, digit| {
        number
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'))
    });
    (count > 0).then_some((number, &bytes[count..]))
}

/// How far a reader has come in its room.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) last: Option<u64>,
    /// Something of this run was seen: what came before may be older messages, without what was
    /// done to them between.
    begun: bool,
    /// Events of the run that came, each once.
    pub(super) events: u64,
}

/// Whether an entry stands where it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Next,
    /// Before the last, or with others between.
    Elsewhere,
}

impl Place {
    /// One that goes on after `last`, if that is known.
    pub(super) fn after(last: Option<u64>) -> Self {
        let begun = false;
        let events = 0;
        Self {
            last,
            begun,
            events,
        }
    }

    /// Whether something of this run was seen.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Enters what came at `seq`; `is_ours` says that it is of this run.
    #[inline]
    pub(super) fn enter(&mut self, seq: u64, is_ours: bool) -> Stands {
        let last = self.last.replace(seq);
        let follows = last.is_none_or(|last| seq == last + 1);
        let stands = if follows || !self.begun {
            Stands::Next
        } else {
            Stands::Elsewhere
        };
        self.begun |= is_ours;
        stands
    }

    /// Enters an event. Those from before the run are none of its.
    pub(super) fn enter_event(&mut self, seq: u64) -> (Option<Came>, Stands) {
        let again = self.last.is_some_and(|last| seq <= last);
        let stands = self.enter(seq, false);
        let came = match (self.begun, again) {
            (false, _) => None,
            (true, true) => Some(Came::Again),
            (true, false) => Some(Came::New),
        };
        self.events += u64::from(came == Some(Came::New));
        (came, stands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Transport;

    fn of(transport: Transport, unit: &[u8]) -> Option<(u64, Kind)> {
        let shown = shown(&Wire::of(transport), unit)?;
        Some((shown.seq, shown.kind))
    }

    #[test]
    fn an_entry_is_known_in_every_form() {
        use Kind::{Event, Message};
        let line = |unit: &str| of(Transport::Tcp, unit.as_bytes());
        assert_eq!(line("#41 [den] mia: hi #3\n"), Some((41, Message)));
        assert_eq!(line("#42 [den] mia edited #41: a: b\n"), Some((42, Event)));
        assert_eq!(line("#43 [den] mia deleted #41\n"), Some((43, Event)));
        for none in [
            "[den] mia: #4\n",
            "[system] x\n",
            "# [\n",
            "#4 [\n",
            "#4 [a]\n",
            "#4 [a] b",
        ] {
            assert_eq!(line(none), None, "{none}");
        }
        assert_eq!(target(b"#43 [den] mia deleted #41\n"), Some(41));
        let event = |unit: &str| of(Transport::Sse, unit.as_bytes());
        let message = "event: message\nid: 7\ndata: {\"id\":9,\"seq\":7,\"room\":\"a\"}\n\n";
        assert_eq!(event(message), Some((7, Message)));
        assert_eq!(event("event: edit\nid: 8\ndata: {}\n\n"), Some((8, Event)));
        assert_eq!(event("event: system\ndata: {}\n\n"), None);
        assert_eq!(event("event: gap\ndata: {\"to\":3}\n\n"), None);
        let frame = |text: &str| of(Transport::Ws, format!("\u{1}{{{text}").as_bytes());
        let message = r#"{"type":"message","id":9,"seq":12,"room":"a"}"#;
        assert_eq!(frame(message), Some((12, Message)));
        assert_eq!(
            frame(r#"{"type":"pin","id":9,"seq":13}"#),
            Some((13, Event))
        );
        assert_eq!(frame(r#"{"type":"read","room":"a","seq":13}"#), None);
        assert_eq!(frame(r#"{"type":"reply","data":{"last_seq":3}}"#), None);
        assert_eq!(frame(r#"{"type":"system","text":"\"seq\":3"}"#), None);
    }

    #[test]
    fn a_message_that_was_taken_back_is_known_in_every_form() {
        let line = b"#41 [den] mia: (deleted)\n";
        assert!(is_gone(&Wire::of(Transport::Tcp), line));
        assert!(!is_gone(&Wire::of(Transport::Tcp), b"#4 [den] mia: hi\n"));
        let json = br#"{"type":"message","content":"","deleted":true}"#;
        assert!(is_gone(&Wire::of(Transport::Ws), json));
    }

    #[test]
    fn a_hole_and_a_repetition_are_seen_once_the_run_began() {
        let mut place = Place::default();
        let seen: Vec<Stands> = [3, 7, 8].map(|seq| place.enter(seq, false)).into();
        assert_eq!(seen, [Stands::Next; 3], "what was said before");
        assert_eq!(place.enter_event(9), (None, Stands::Next));
        assert_eq!(place.enter(10, true), Stands::Next);
        assert_eq!(place.enter_event(11), (Some(Came::New), Stands::Next));
        assert_eq!(
            place.enter_event(11),
            (Some(Came::Again), Stands::Elsewhere)
        );
        assert_eq!(place.enter_event(13), (Some(Came::New), Stands::Elsewhere));
        assert_eq!((place.events, place.last), (2, Some(13)));
    }
}
