//! The line protocol's two directions: bytes into lines, entries into lines.
use super::super::foreign::{self, Foreign};
use super::words;
use std::io::Write as _;

use crate::chat::{ChatError, Item, Showing, Trouble};
use crate::model::{AccessMode, Entry, Event, Nickname, Notice, What};

/// What a reader is given as a terminal shows it: `[room] user: text`, and `[system] text` for the rest.
pub(super) fn item(item: &Item, showing: Showing, out: &mut Vec<u8>) {
    match item {
        Item::Entry(entry) => match &entry.what {
            What::Message(message) => {
                let gone = message.details.as_ref().is_some_and(|of| of.gone.is_some());
                let text = if gone {
                    words::DELETED
                } else {
                    &message.content
                };
                for line in text.split('\n') {
                    begin(entry, showing, out);
                    plain(&entry.user, out);
                    out.extend_from_slice(b": ");
                    plain(line, out);
                    out.push(b'\n');
                }
            }
            // A topic is told as other things that happen in a room are.
            What::Event(event) => match &**event {
                Event::Topic { topic } => system(&words::topic(entry, topic.as_deref()), out),
                event if showing.events => happened(entry, event, showing, out),
                _ => {}
            },
        },
        // Of no use where it cannot be taken away again.
        Item::Notice(Notice::Typing { .. }) => {}
        Item::Notice(notice) => system(&words::notice(notice), out),
        Item::Gap { room, from, to } => system(&words::gap(room, *from, *to), out),
        Item::Reset { room, last_seq, .. } => system(&words::reset(room, *last_seq), out),
        Item::Unreadable { room, why } => system(&words::waits(room, *why), out),
        Item::End { room, why } => system(&words::end(room, *why), out),
    }
}

/// What stands before each line of an entry.
fn begin(entry: &Entry, showing: Showing, out: &mut Vec<u8>) {
    if showing.time {
        let _ = write!(out, "{} ", entry.created_at.format("%H:%M"));
    }
    if showing.seq {
        let _ = write!(out, "#{} ", entry.seq);
    }
    out.push(b'[');
    plain(entry.room.as_str(), out);
    out.extend_from_slice(b"] ");
}

fn happened(entry: &Entry, event: &Event, showing: Showing, out: &mut Vec<u8>) {
    for line in words::event(event)
        .split('\n')
        .filter(|line| !line.is_empty())
    {
        begin(entry, showing, out);
        plain(&entry.user, out);
        out.push(b' ');
        plain(line, out);
        out.push(b'\n');
    }
}

/// A text that is no message, a line for each of its lines.
pub(in crate::transport) fn system(text: &str, out: &mut Vec<u8>) {
    for line in text.split('\n') {
        out.extend_from_slice(b"[system] ");
        plain(line, out);
        out.push(b'\n');
    }
}

/// The last word to a connection that holds a place and uses it for nothing.
pub(in crate::transport) const SILENT: &str =
    "goodbye: you are in no room, and nothing came for too long; connect again to talk";

/// The last word to a connection after its session was ended elsewhere.
pub(in crate::transport) const OVER: &str = "your session has ended; connect again to talk";

/// The first word to a connection.
pub(in crate::transport) fn greeting(nickname: &Nickname, mode: AccessMode) -> String {
    if mode != AccessMode::Open {
        return "welcome: this server is for people with an account: /login <name> <password>, \
                or /register; /help for more"
            .into();
    }
    format!(
        "welcome, {nickname}: /join general to talk, /nick <name> to be called so, /help for more"
    )
}

/// Why a line that was said was not sent.
pub(in crate::transport) fn not_sent(error: &ChatError) -> String {
    match error {
        ChatError::InNoRoom => "not sent: join a room first, for example /join general".to_owned(),
        // A line has no nonce to say it again with.
        ChatError::Database(Trouble::OutcomeUnknown) => {
            "perhaps not sent: the database went away during the commit; \
             if it does not show up here, say it again"
                .to_owned()
        }
        error => format!("not sent: {}", words::error(error)),
    }
}

/// Text without anything that a terminal would obey.
fn plain(text: &str, out: &mut Vec<u8>) {
    // Nearly every text is harmless, and then it is copied in one go.
    let harmless = |b: u8| b >= b' ' && b != 0x7f && b != 0xc2 || b == b'\t';
    if text.bytes().all(harmless) {
        return out.extend_from_slice(text.as_bytes());
    }
    let shown = text.chars().map(|c| match c {
        '\t' => c,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    out.extend_from_slice(shown.collect::<String>().as_bytes());
}

/// Why a line was not taken; the text is for its sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::transport) enum LineError {
    #[error("that line was longer than {0} bytes and was dropped")]
    TooLong(usize),
    #[error("that line was no valid UTF-8 and was dropped")]
    NotUtf8,
    #[error("that was no line, but {0}")]
    Foreign(Foreign),
}

/// How far the peer is known to speak in lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) enum Trust {
    /// It has given no command yet: its next line may turn out to be another protocol's first.
    None,
    /// It has given a command, so that every line is a message or a command.
    Earned,
}

/// Bytes as they come, lines as they are whole. Keeps at most one unfinished line.
#[derive(Debug)]
pub(in crate::transport) struct Lines {
    bytes: Vec<u8>,
    /// How far `bytes` was looked through.
    start: usize,
    most: usize,
    skipping: bool,
    trust: Trust,
}

impl Lines {
    pub(in crate::transport) fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            most,
            skipping: false,
            trust: Trust::None,
        }
    }

    /// One that has read the beginning of a line already, or the beginning of one too long.
    pub(in crate::transport) fn resumed(
        most: usize,
        bytes: Vec<u8>,
        skipping: bool,
        trust: Trust,
    ) -> Self {
        Self {
            bytes,
            start: 0,
            most,
            skipping,
            trust,
        }
    }

    /// From now on no line is taken for another protocol's.
    pub(in crate::transport) fn trust(&mut self) {
        self.trust = Trust::Earned;
    }

    /// What has come of a line without its end, and whether the rest of it is to be skipped.
    pub(in crate::transport) fn rest(&self) -> (&[u8], bool) {
        (&self.bytes[self.start..], self.skipping)
    }

    pub(in crate::transport) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole line without its end, or what was wrong with it.
    pub(in crate::transport) fn next(&mut self) -> Option<Result<String, LineError>> {
        loop {
            let rest = &self.bytes[self.start..];
            if !self.skipping
                && let Some(foreign) = self.foreign(rest, foreign::begins)
            {
                self.bytes = Vec::new();
                self.start = 0;
                self.skipping = true;
                return Some(Err(foreign));
            }
            let Some(end) = rest.iter().position(|b| *b == b'\n') else {
                return self.keep_rest();
            };
            let line = &rest[..end];
            self.start += end + 1;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if line.len() > self.most {
                return Some(Err(self.too_long(line)));
            }
            return Some(self.text(line));
        }
    }

    /// A line as text, unless it is another protocol's: judged by its bytes, before anything is
    /// made of them.
    fn text(&self, line: &[u8]) -> Result<String, LineError> {
        match self.foreign(line, foreign::is_first_line) {
            Some(foreign) => Err(foreign),
            None => text(line),
        }
    }

    fn too_long(&self, line: &[u8]) -> LineError {
        let foreign = self.foreign(line, foreign::is_long_first_line);
        foreign.unwrap_or(LineError::TooLong(self.most))
    }

    fn foreign(&self, bytes: &[u8], look: fn(&[u8]) -> Option<Foreign>) -> Option<LineError> {
        match self.trust {
            Trust::None => look(bytes).map(LineError::Foreign),
            Trust::Earned => None,
        }
    }

    /// What was sent after the last line's end, once no more can come.
    pub(in crate::transport) fn finish(&mut self) -> Option<Result<String, LineError>> {
        let line = std::mem::take(&mut self.bytes).split_off(self.start);
        self.start = 0;
        (!line.is_empty() && !self.skipping).then(|| self.text(&line))
    }

    /// Moves the unfinished line to the front, or gives up on it when it is too long. Gives
    /// the memory back when there is nothing to keep.
    fn keep_rest(&mut self) -> Option<Result<String, LineError>> {
        self.bytes.drain(..self.start);
        self.start = 0;
        let too_long = self.bytes.len() > self.most;
        let error = (too_long && !self.skipping).then(|| self.too_long(&self.bytes));
        if too_long || self.skipping || self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
        self.skipping |= too_long;
        error.map(Err)
    }
}

fn text(line: &[u8]) -> Result<String, LineError> {
    let mut line = if line.contains(&IAC) {
        without_telnet(line)
    } else {
        line.to_vec()
    };
    // telnet ends a line with CR LF or CR NUL.
    while line.last().is_some_and(|b| matches!(b, b'\r' | 0)) {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| LineError::NotUtf8)
}

/// "Interpret as command" (RFC 854): telnet's negotiations begin with it.
const IAC: u8 = 255;

/// The line without telnet's negotiations.
fn without_telnet(line: &[u8]) -> Vec<u8> {
    const SE: u8 = 240;
    const SB: u8 = 250;
    const WILL: u8 = 251;
    const DONT: u8 = 254;
    let mut kept = Vec::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        match line[at..] {
            [IAC, WILL..=DONT, ..] => at += 3,
            [IAC, SB, ..] => {
                let end = line[at..].windows(2).position(|pair| pair == [IAC, SE]);
                at = end.map_or(line.len(), |end| at + end + 2);
            }
            [IAC, IAC, ..] => {
                kept.push(IAC);
                at += 2;
            }
            [IAC, ..] => at += 2,
            _ => {
                kept.push(line[at]);
                at += 1;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::codec::message;
    use proptest::prelude::*;

    /// All lines to the end, or to where another protocol is spoken: there the connection closes.
    fn all(input: &[u8], step: usize) -> Vec<Result<String, LineError>> {
        let mut lines = Lines::new(64);
        let mut found = Vec::new();
        for piece in input.chunks(step.max(1)) {
            lines.feed(piece);
            while let Some(line) = lines.next() {
                found.push(line);
                if let Some(Err(LineError::Foreign(_))) = found.last() {
                    return found;
                }
            }
        }
        found.extend(lines.finish());
        found
    }

    fn shown(content: &str) -> String {
        let mut out = Vec::new();
        item(&message(content), Showing::default(), &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn messages_are_shown_as_lines() {
        assert_eq!(shown("Hello"), "[general] alice: Hello\n");
        assert_eq!(shown("a\nb"), "[general] alice: a\n[general] alice: b\n");
        assert_eq!(
            shown("\u{1b}[2Jx\u{9b}y"),
            "[general] alice: \u{fffd}[2Jx\u{fffd}y\n"
        );
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        for step in 1..20 {
            let found = all(b"one\r\ntwo\n\nthree", step);
            let wanted = ["one", "two", "", "three"].map(|l| Ok(l.to_owned()));
            assert_eq!(found, wanted, "in steps of {step}");
        }
    }

    #[test]
    fn a_line_too_long_is_told_once_and_the_next_is_fine() {
        for step in [1, 7, 64, 1000] {
            let found = all(format!("{}\nok\n", "x".repeat(500)).as_bytes(), step);
            assert_eq!(
                found,
                [Err(LineError::TooLong(64)), Ok("ok".into())],
                "in steps of {step}"
            );
        }
    }

    #[test]
    fn telnet_negotiation_is_no_text() {
        let found = all(
            b"\xff\xfb\x01\xff\xfd\x03hi\xff\xfa\x18\x00xterm\xff\xf0!\r\0\n",
            1000,
        );
        assert_eq!(found, [Ok("hi!".into())]);
        assert_eq!(all(b"\xc3\x28\n", 100), [Err(LineError::NotUtf8)]);
    }

    #[test]
    fn another_protocol_is_known_however_it_arrives_and_whatever_came_before() {
        let long = format!("GET /{} HTTP/1.1\r\n/nick m\n", "x".repeat(200));
        let hello: &[u8] = b"\x16\x03\x01\x00\x0a\x01/nick m\n";
        for (input, foreign) in [
            (
                b"POST / HTTP/1.1\r\n\r\n/nick m\r\n".as_slice(),
                Foreign::Http,
            ),
            (long.as_bytes(), Foreign::Http),
            (b"GET /\xff HTTP/1.1\n/nick m\n", Foreign::Http),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Foreign::Http),
            (b"GET / HTTP/1.0", Foreign::Http),
            (b"GET /\r\n/nick m\n", Foreign::Http),
            (b"\x80\x2e\x01\x00\x02/nick m\n", Foreign::Tls),
            (hello, Foreign::Tls),
        ] {
            for before in [
                "",
                "\n",
                "PROXY TCP4 1.2.3.4 1.2.3.4 5 6\r\n",
                &"y".repeat(99),
            ] {
                let ended = if before.starts_with('y') { "\n" } else { "" };
                let input = [before.as_bytes(), ended.as_bytes(), input].concat();
                for step in [1, 2, 7, 1000] {
                    let found = all(&input, step);
                    let first = found
                        .iter()
                        .position(|l| *l == Err(LineError::Foreign(foreign)));
                    let first = first.expect("it is known");
                    let typed = found[..first].iter().flatten();
                    assert_eq!(typed.filter(|line| line.contains("nick")).count(), 0);
                }
            }
        }
    }

    #[test]
    fn after_a_command_every_line_is_what_was_said() {
        let mut lines = Lines::new(64);
        lines.feed(b"/join general\nGET / HTTP/1.1\n\x16\x03\n");
        assert_eq!(lines.next(), Some(Ok("/join general".into())));
        lines.trust();
        assert_eq!(lines.next(), Some(Ok("GET / HTTP/1.1".into())));
        assert_eq!(lines.next(), Some(Ok("\u{16}\u{3}".into())));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_lines(
            input in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(b'\n'), Just(255u8), Just(b'a')], 0..400),
            step in 1usize..50,
        ) {
            let whole = all(&input, 1_000);
            prop_assert_eq!(&all(&input, step), &whole);
            for line in whole.iter().flatten() {
                prop_assert!(!line.contains('\n') && line.len() <= 64);
            }
        }

        #[test]
        fn nothing_shown_can_move_a_cursor(content in "\\PC*[\\x00-\\x1f\\x7f-\\u{9f}]{0,5}\\PC*") {
            let shown = shown(&content);
            let lines = content.split('\n').count();
            prop_assert_eq!(shown.matches('\n').count(), lines);
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
