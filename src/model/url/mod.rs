//! URLs of servers, read as the programs of those servers read them, and strictly: a parameter
//! that is not known is an error, since the one that was meant would be missing.
mod authority;
mod parameters;
pub mod postgres;
pub mod redis;
pub mod sqlite;
pub mod web;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is wrong with a URL. The text holds nothing of its user, password or values: what is a
/// secret cannot be known of a text that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(String);

impl UrlError {
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// What stands in a part of a URL as itself.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A part without its %-escapes; `what` names it in an error.
fn decoded(text: &str, what: &str) -> Result<String, UrlError> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        let is_escape = after
            .as_bytes()
            .get(..2)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit) && hex != b"00");
        if !is_escape {
            return Err(UrlError::new(format!(
                "the {what} has a '%' that begins no escape; write a '%' itself as %25"
            )));
        }
        rest = after;
    }
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| UrlError::new(format!("the {what} is not UTF-8 once decoded")))?;
    Ok(text.into_owned())
}
