//! What a person proves to be an account's owner with: a text that is never shown.
use std::fmt;

use serde::Deserialize;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password as a client or an operator typed it. It is not printed, by `Debug` either, and its
/// memory is overwritten when it is dropped. Comparing two takes as long wherever they differ.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The text itself, for hashing and checking.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(typed: String) -> Self {
        Self(Zeroizing::new(typed))
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let password: Password = serde_json::from_str(r#""hunter2 hunter2""#).expect("a text");
        assert_eq!(format!("{password:?}"), "Password(…)");
        assert_eq!(password, Password::from("hunter2 hunter2".to_owned()));
        assert_ne!(password, Password::from("hunter2 hunter3".to_owned()));
    }
}
