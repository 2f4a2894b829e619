//! The parameters after a URL's `?`: known ones, each once, and nothing else.
use super::{UrlError, decoded};
use crate::model::closest;

/// What is done with a parameter.
pub(super) enum Meaning {
    /// Its value is used.
    Used,
    /// It is taken with these values, which say what is done anyway.
    Only(&'static [&'static str]),
    /// The server's own programs know it, and this one does not do it.
    NotYet,
}

/// Each parameter with its value, in the order of the URL. `known` are all that there are;
/// `other_name` gives the usual name of one that has two.
pub(super) fn read(
    query: &str,
    known: &[(&'static str, Meaning)],
    other_name: impl Fn(&str) -> Option<&'static str>,
) -> Result<Vec<(&'static str, String)>, UrlError> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(UrlError::new(format!(
                "a parameter has no '=' and value{AMPERSAND}"
            )));
        };
        let key = decoded(key, "name of a parameter")?;
        let usual = other_name(&key).unwrap_or(&key);
        let Some((name, meaning)) = known.iter().find(|(name, _)| *name == usual) else {
            return Err(unknown(&key, known));
        };
        let value = decoded(value, &format!("value of '{name}'"))?;
        match meaning {
            Meaning::NotYet => {
                return Err(UrlError::new(format!("'{name}' is not supported yet")));
            }
            Meaning::Only(values) if !values.contains(&value.as_str()) => {
                return Err(UrlError::new(format!(
                    "'{name}' is supported only as {}",
                    values.join(" or ")
                )));
            }
            _ => {}
        }
        if found.iter().any(|(other, _)| other == name) {
            return Err(UrlError::new(format!("'{name}' is there twice")));
        }
        found.push((name, value));
    }
    Ok(found)
}

const AMPERSAND: &str = "; in a value write '&' as %26";

/// The name is shown only where it is like one that is known: what else it is may be the end of a
/// password with an '&' in it.
fn unknown(key: &str, known: &[(&'static str, Meaning)]) -> UrlError {
    let names = known.iter().map(|(name, _)| *name);
    UrlError::new(match closest(key, names) {
        Some(meant) => format!("an unknown parameter; did you mean {meant}?"),
        None => format!("an unknown parameter{AMPERSAND}"),
    })
}
