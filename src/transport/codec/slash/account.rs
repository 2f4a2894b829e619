//! Commands about one's account.
use crate::chat::Command;
use crate::model::Password;

/// Reads one of them; its words were counted.
pub(super) fn read(name: &str, words: &[&str], line: &str) -> Option<Command> {
    let text = |i: usize| words.get(i).copied().unwrap_or_default().to_owned();
    Some(match name {
        "register" => Command::Register {
            password: rest(line, 1),
        },
        "login" => Command::Login {
            nickname: text(0),
            password: rest(line, 2),
        },
        "logout" => Command::Logout,
        "password" => Command::ChangePassword {
            old: text(0).into(),
            new: text(1).into(),
        },
        "whoami" => Command::Me,
        _ => return None,
    })
}

/// What follows after so many words: a password may have spaces.
fn rest(line: &str, words: usize) -> Password {
    super::rest(line, words).to_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_have_spaces() {
        let line = "/login alice  correct  horse ";
        let words = ["alice", "correct", "horse"];
        let login = Command::Login {
            nickname: "alice".into(),
            password: "correct  horse".to_owned().into(),
        };
        assert_eq!(read("login", &words, line), Some(login));
        let register = Command::Register {
            password: "a b".to_owned().into(),
        };
        assert_eq!(
            read("register", &["a", "b"], "/register a b"),
            Some(register)
        );
    }
}
