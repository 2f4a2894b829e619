//! Which passwords a new account may have: NIST SP 800-63B's rules, length and not being guessed
//! first, and none about what kinds of characters there are.
use super::common::is_common;
use crate::model::{Nickname, Password};

const SHORTEST: usize = 8;
const LONGEST: usize = 256;

/// Why a password is not taken; the text is for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("a password has {SHORTEST} to {LONGEST} characters, this has {found}")]
    Length { found: usize },
    #[error("a password has no control characters")]
    Control,
    #[error(
        "this password is among those that are guessed first; choose another, such as four unrelated words"
    )]
    Common,
    #[error("a password is not made of the nickname; choose another")]
    Nickname,
}

/// Whether an account of that name may have this password from now on.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(password: &Password, nickname: &Nickname) -> Result<(), WeakPassword> {
    let text = password.secret();
    let found = text.chars().count();
    if !(SHORTEST..=LONGEST).contains(&found) {
        return Err(WeakPassword::Length { found });
    }
    if text.contains(char::is_control) {
        return Err(WeakPassword::Control);
    }
    if is_common(text) {
        return Err(WeakPassword::Common);
    }
    // `alicealice` and `alice1234` are tried as soon as `alice`.
    let rest = text.to_lowercase().replace(&nickname.key(), "");
    let decoration = |c: char| !c.is_alphabetic();
    if rest.chars().count() < found && rest.chars().all(decoration) && rest.len() <= 4 {
        return Err(WeakPassword::Nickname);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(password: &str) -> Result<(), WeakPassword> {
        let nickname = Nickname::parse("Alice").expect("a nickname");
        check(&Password::from(password.to_owned()), &nickname)
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(checked("7letter"), Err(WeakPassword::Length { found: 7 }));
        assert_eq!(checked("größter"), Err(WeakPassword::Length { found: 7 }));
        assert_eq!(checked("fünfzehn"), Ok(()));
        assert_eq!(checked("三国志演義水滸伝"), Ok(()));
        assert_eq!(checked(&"xy z".repeat(64)), Err(WeakPassword::Common));
        let long: String = ('!'..='~').cycle().step_by(7).take(257).collect();
        assert_eq!(checked(&long[1..]), Ok(()));
        assert_eq!(checked(&long), Err(WeakPassword::Length { found: 257 }));
    }

    #[test]
    fn what_is_guessed_first_is_refused() {
        assert_eq!(checked("P@ssw0rd2026"), Err(WeakPassword::Common));
        for own in ["alicealice", "Alice1234", "ALICE.alice", "xalice99"] {
            let expected = if own.starts_with('x') {
                Ok(())
            } else {
                Err(WeakPassword::Nickname)
            };
            assert_eq!(checked(own), expected, "{own}");
        }
        assert_eq!(checked("malice in wonderland"), Ok(()));
        assert_eq!(checked("tab\tand more"), Err(WeakPassword::Control));
    }

    #[test]
    fn no_kind_of_character_is_asked_for() {
        for good in [
            "correct horse battery staple",
            "lower case only",
            "83920174650",
        ] {
            assert_eq!(checked(good), Ok(()), "{good}");
        }
    }
}
