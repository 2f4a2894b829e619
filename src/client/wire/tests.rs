//! Streams cut into pieces at any place say the same as whole ones.
use proptest::prelude::*;

use super::*;

const SIZE: usize = 60;
/// What the messages begin with that are looked for.
const OURS: &[u8] = b"ours ";

fn content(counter: u32) -> String {
    format!("ours {counter:0width$}", width = SIZE - OURS.len())
}

/// The counter of one of ours.
fn counter(content: &[u8]) -> Option<u32> {
    let digits = content.strip_prefix(OURS)?.get(..SIZE - OURS.len())?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn json(counter: u32, kind: &str) -> String {
    format!(
        "{{{kind}\"id\":{},\"seq\":{counter},\"room\":\"general\",\"user\":\"guest-abcd\",\
         \"content\":\"{}\",\"created_at\":\"2026-01-01T00:00:00.000Z\",\"number\":{counter}}}",
        counter * 3,
        content(counter)
    )
}

/// `count` messages with other things between them, as each transport shows them.
fn stream(transport: Transport, count: u32, chunk: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for counter in 1..=count {
        match transport {
            Transport::Tcp => {
                out.extend_from_slice(b"[system] somebody joined general\n");
                out.extend_from_slice(format!("[general] x: {}\n", content(counter)).as_bytes());
            }
            Transport::Sse => {
                out.extend_from_slice(b": alive\n\n");
                let data = json(counter, "");
                let event = format!("event: message\nid: {counter}\ndata: {data}\n\n");
                out.extend_from_slice(event.as_bytes());
            }
            Transport::Ws => {
                out.extend_from_slice(&[PING, 0]);
                let text = json(counter, "\"type\":\"message\",");
                out.extend_from_slice(&[0x81, 126]);
                out.extend_from_slice(&(text.len() as u16).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
    match transport {
        Transport::Sse => out.chunks(chunk).flat_map(chunked).collect(),
        _ => out,
    }
}

fn chunked(data: &[u8]) -> Vec<u8> {
    [format!("{:X}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// The counters seen when `stream` comes in pieces of these sizes, again and again.
fn counters(transport: Transport, stream: &[u8], pieces: &[usize]) -> Result<Vec<u32>, Broken> {
    let mut wire = Wire::of(transport);
    let (mut kept, mut found) = (Vec::new(), Vec::new());
    let (mut rest, mut sizes) = (stream, pieces.iter().cycle());
    while !rest.is_empty() {
        let size = (*sizes.next().expect("cycles")).min(rest.len());
        let fresh = kept.len();
        kept.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
        let end = wire.strip(&mut kept, fresh)?;
        let mut at = 0;
        while let Some(length) = wire.unit(&kept[at..end])? {
            let unit = &kept[at..at + length];
            found.extend(wire.content(unit, SIZE).and_then(counter));
            at += length;
        }
        kept = kept[at..end].to_vec();
    }
    Ok(found)
}

fn transport() -> impl Strategy<Value = Transport> {
    prop_oneof![
        Just(Transport::Tcp),
        Just(Transport::Sse),
        Just(Transport::Ws)
    ]
}

proptest! {
    #[test]
    fn pieces_of_any_size_say_the_same(
        transport in transport(), count in 1u32..20, chunk in 1usize..400,
        pieces in proptest::collection::vec(1usize..300, 1..20),
    ) {
        let stream = stream(transport, count, chunk);
        let wanted: Vec<u32> = (1..=count).collect();
        prop_assert_eq!(counters(transport, &stream, &pieces), Ok(wanted));
    }

    #[test]
    fn nothing_that_comes_makes_it_panic(
        transport in transport(), size in 1usize..50,
        stream in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b'1')], 0..300),
    ) {
        let _ = counters(transport, &stream, &[size]);
    }
}

#[test]
fn a_content_is_found_where_it_was_not_expected() {
    let text = json(5, "").replace('}', ",\"more\":1}");
    let found = in_json(text.as_bytes(), SIZE).and_then(counter);
    assert_eq!(found, Some(5));
    assert_eq!(in_json(b"{}", SIZE), None);
}

#[test]
fn a_pong_answers_with_the_ping_s_own_words() {
    assert_eq!(pong(&[PING, 2, b'h', b'i']), b"\x8a\x82\0\0\0\0hi");
    assert_eq!(&frame(&"x".repeat(300))[..8], b"\x81\xfe\x01\x2c\0\0\0\0");
}
