//! Says what was found and what would have been right, in words for operators.
use serde_json::Value;

use super::redact::redact;

/// From a value and serde's reason for refusing it.
pub(super) fn explain(found: &Value, refusal: &serde_json::Error) -> String {
    let refusal = refusal.to_string();
    match refusal.rsplit_once("expected ") {
        Some((_, expected)) => format!("found {}, expected {}", show(found), reword(expected)),
        // The standard library's word on a bad address.
        None if refusal.contains("IP address") => format!(
            "found {}, expected an IP address such as 127.0.0.1, 0.0.0.0 or ::1",
            show(found)
        ),
        None => format!("found {}: {}", show(found), redact(&refusal)),
    }
}

/// The same for a value that may hold a secret, the place of which is not known: only how it
/// begins is shown.
pub(super) fn explain_secret(found: &Value, refusal: &serde_json::Error) -> String {
    let refusal = refusal.to_string();
    let is_scheme = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-".contains(&b))
    };
    let found = match found {
        Value::String(text) => match text.split_once("://") {
            Some((scheme, _)) if is_scheme(scheme) => format!("\"{scheme}://…\""),
            _ => "a text".to_owned(),
        },
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    };
    if refusal.starts_with("expected ") {
        format!("found {found}, {refusal}")
    } else {
        format!("found {found}: {refusal}")
    }
}

/// Rust's names for types are not an operator's.
fn reword(expected: &str) -> String {
    match expected {
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "u64" | "usize" => "a whole number, 0 or more".into(),
        "a boolean" => "true or false".into(),
        "a string" | "path string" => "a text in quotes".into(),
        "a sequence" => "a list of texts".into(),
        "IpAddr" => "an IP address such as 127.0.0.1, 0.0.0.0 or ::1".into(),
        other => other.replace('`', "\""),
    }
}

/// A value as it was written, without passwords and without filling the screen.
pub(super) fn show(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = redact(&value.to_string());
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
