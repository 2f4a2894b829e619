//! The key that all instances of one database share, and what it proves of a text.
use std::fmt;

use ring::hmac;

/// A tag on the wire: HMAC-SHA-256 in lower-case hexadecimal digits.
pub(super) const DIGITS: usize = 64;

/// Signs what is published, and tells whether what came was. It is never shown: `Debug` says only
/// that there is one.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl Key {
    /// The key that the database holds.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Appends the tag of `text` as it is published on `channel`.
    pub(super) fn sign(&self, channel: &str, text: &[u8], out: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for byte in hmac::sign(&self.0, &signed(channel, text)).as_ref() {
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }

    /// Whether `digits` is that tag.
    pub(super) fn proves(&self, channel: &str, text: &[u8], digits: &[u8]) -> bool {
        let tag = digits
            .chunks_exact(2)
            .map(byte)
            .collect::<Option<Vec<u8>>>();
        let is_its = |tag: Vec<u8>| hmac::verify(&self.0, &signed(channel, text), &tag).is_ok();
        tag.is_some_and(is_its)
    }
}

/// What is signed. No channel has a newline in its name, so that no two pairs are the same bytes.
fn signed(channel: &str, text: &[u8]) -> Vec<u8> {
    [channel.as_bytes(), b"\n", text].concat()
}

fn byte(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    Some(value(digits[0])? << 4 | value(digits[1])?)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &Key, channel: &str, text: &str) -> Vec<u8> {
        let mut digits = Vec::new();
        key.sign(channel, text.as_bytes(), &mut digits);
        digits
    }

    #[test]
    fn a_tag_proves_its_text_on_its_channel_under_its_key() {
        let (key, other) = (Key::new(&[7; 32]), Key::new(&[8; 32]));
        let digits = tag(&key, "room:a", "text");
        assert_eq!(digits.len(), DIGITS);
        assert!(key.proves("room:a", b"text", &digits));
        assert!(!key.proves("room:b", b"text", &digits));
        assert!(!key.proves("room:a", b"texts", &digits));
        assert!(!other.proves("room:a", b"text", &digits));
        for wrong in [
            &digits[..62],
            b"",
            &[b'g'; 64],
            &digits.to_ascii_uppercase(),
        ] {
            assert!(!key.proves("room:a", b"text", wrong));
        }
    }

    /// `printf 'room:a\ntext' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…`
    #[test]
    fn others_can_compute_it() {
        let digits = String::from_utf8(tag(&Key::new(&[7; 32]), "room:a", "text"));
        assert_eq!(
            digits.as_deref(),
            Ok("802cef6e6a8f0b5c8dc992a404c2f8c52ebc11ac1eb4c2b686b8a6b75307ae64")
        );
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", Key::new(&[7; 32])), "Key(..)");
    }
}
