//! Secrets that the server makes: tokens for bots and invite codes. Only their digests are stored.
use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::random;

/// By which a token is known among other texts: to people, and to what looks for leaked secrets.
const PREFIX: &str = "dct_";
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const RANDOM: usize = 34;
const CHECK: usize = 6;
/// Crockford's: no `I`, `L`, `O` and `U`, which are taken for others.
const READABLE: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const CODE: usize = 16;

/// What a bot shows: `dct_` and 40 letters and digits, the last six of which follow from the
/// others, so that a mistyped one is refused without asking the database. Never printed by `Debug`.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A new one: 202 random bits.
    pub fn random() -> Self {
        let body = letters::<RANDOM>(LETTERS);
        Self(Zeroizing::new(format!("{PREFIX}{}{}", *body, check(&body))))
    }

    /// `None` for what was never a token.
    pub fn parse(raw: &str) -> Option<Self> {
        let all = raw.strip_prefix(PREFIX)?;
        let fits = all.len() == RANDOM + CHECK && all.bytes().all(|b| LETTERS.contains(&b));
        let (body, end) = fits.then(|| all.split_at(RANDOM))?;
        (check(body) == end).then(|| Self(Zeroizing::new(raw.to_owned())))
    }

    /// Whether a text claims to be one: such a one is nothing else.
    pub fn is_meant(raw: &str) -> bool {
        raw.starts_with(PREFIX)
    }

    pub fn secret(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What an invited person shows: 80 random bits as `8f3k-m2q9-…`, which can be read aloud.
#[derive(Clone)]
pub struct InviteCode(Zeroizing<String>);

impl InviteCode {
    pub fn random() -> Self {
        let body = letters::<CODE>(READABLE);
        Self(Zeroizing::new(body.to_string()))
    }

    /// What a person typed or was sent, in any case, with or without the hyphens. `None` for what
    /// was never a code.
    pub fn parse(raw: &str) -> Option<Self> {
        let meant = |c: char| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        };
        // No longer than a code with a hyphen after each letter.
        let typed = (raw.len() <= 2 * CODE).then_some(raw)?;
        let code: String = typed.chars().filter(|c| *c != '-').map(meant).collect();
        let fits = code.len() == CODE && code.bytes().all(|b| READABLE.contains(&b));
        fits.then(|| Self(Zeroizing::new(code)))
    }

    /// As the inviting account sees it.
    pub fn secret(&self) -> String {
        let groups: Vec<&str> = (0..CODE).step_by(4).map(|at| &self.0[at..at + 4]).collect();
        groups.join("-")
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(…)")
    }
}

/// The stored form of a secret: its SHA-256. Of a secret with so many random bits a plain digest
/// tells nothing. Comparing two takes as long wherever they differ.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// From bytes that were stored; `None` where there are not 32.
    pub fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Display for Digest {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    /// Enough to follow one through a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = &self.0[..4];
        first.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// So many of an alphabet, each as likely as the others: bytes that would favour the first
/// letters are thrown away.
fn letters<const N: usize>(alphabet: &[u8]) -> Zeroizing<String> {
    let fair = 256 - 256 % alphabet.len();
    let mut drawn = Zeroizing::new(String::with_capacity(N));
    while drawn.len() < N {
        let bytes: [u8; N] = random::bytes().expect("the operating system has random numbers");
        let fair = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair);
        let letters = fair.map(|b| char::from(alphabet[b % alphabet.len()]));
        let missing = N - drawn.len();
        drawn.extend(letters.take(missing));
    }
    drawn
}

/// What ends a token with this beginning.
fn check(body: &str) -> String {
    let digest = Sha256::digest(format!("{PREFIX}{body}"));
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    digest.iter().take(CHECK).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_known_by_its_form_and_never_printed() {
        let token = Token::random();
        let secret = token.secret();
        assert!(secret.starts_with("dct_") && secret.len() == 44, "{secret}");
        assert!(secret[4..].bytes().all(|b| b.is_ascii_alphanumeric()));
        let read = Token::parse(secret).expect("its own form");
        assert_eq!(read.digest(), token.digest());
        assert_ne!(Token::random().digest(), token.digest());
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert_eq!(token.digest().to_string().len(), 64);
        assert_eq!(
            Digest::stored(token.digest().as_bytes()),
            Some(token.digest())
        );
        assert_eq!(Digest::stored(b"short"), None);
    }

    #[test]
    fn a_mistyped_token_is_refused() {
        let token = Token::random();
        let secret = token.secret();
        for at in 4..44 {
            let other = if &secret[at..=at] == "x" { "y" } else { "x" };
            let typed = format!("{}{other}{}", &secret[..at], &secret[at + 1..]);
            // Six letters cannot tell all apart; what is changed among them is always found.
            assert!(Token::parse(&typed).is_none() || at < 38, "{typed}");
        }
        for bad in ["", "dct_", &secret[4..], &format!("{secret}A"), "dct_é"] {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
        assert!(Token::is_meant("dct_x") && !Token::is_meant("eyJhbGciOi"));
    }

    #[test]
    fn an_invite_code_is_read_as_people_type_it() {
        let code = InviteCode::random();
        let shown = code.secret();
        assert_eq!(shown.len(), 19, "{shown}");
        for typed in [
            shown.clone(),
            shown.to_uppercase(),
            shown.replace('-', ""),
            shown.replace('0', "O").replace('1', "l"),
        ] {
            let read = InviteCode::parse(&typed).expect("a code");
            assert_eq!(read.digest(), code.digest(), "{typed}");
        }
        for bad in [
            "",
            "8f3k",
            "8f3k-m2q9-8f3k-m2q9-8f3k",
            "uuuu-uuuu-uuuu-uuuu",
        ] {
            assert!(InviteCode::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn all_letters_are_as_likely() {
        random::seed(7);
        let drawn: String = (0..500)
            .map(|_| letters::<62>(LETTERS).to_string())
            .collect();
        for letter in LETTERS {
            let count = drawn.bytes().filter(|b| b == letter).count();
            assert!(
                (400..=600).contains(&count),
                "{} came {count} times",
                char::from(*letter)
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_panics(raw in "(?s)(dct_)?.{0,60}") {
            Token::parse(&raw);
            InviteCode::parse(&raw);
        }
    }
}
