//! A password as it is stored: argon2id, with its parameters and its salt, as a PHC string.
use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

use crate::model::Password;
use crate::random;

/// 19 MiB, in the KiB that argon2 counts in; two passes, one lane (OWASP's first choice).
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT: usize = 16;
const OUTPUT: usize = 32;
/// What a row may ask for at most: it may have been brought from elsewhere, and must not be able
/// to stop the server.
const MOST_MEMORY: u32 = 64 * 1024;
const MOST_PASSES: u32 = 16;
/// So much is asked of the allocator at a time and little of it touched. The GNU C library takes
/// what is larger than 32 MiB from the system and gives it back at once; what is smaller it may
/// keep for ever.
const RESERVED: usize = 33 * 1024;

/// A text that is no password hash of ours. It is not quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an argon2id hash of at most {} MiB and {MOST_PASSES} passes as a PHC string",
    MOST_MEMORY / 1024
)]
pub struct NotAHash;

/// What is stored of a password: a PHC string, `$argon2id$v=19$m=19456,t=2,p=1$…$…`.
/// `Debug` prints none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    parts: phc::PasswordHash,
    params: Params,
}

impl PasswordHash {
    /// Reads what is stored.
    ///
    /// # Errors
    /// The text is no argon2id hash, or checking a password against it would take too much.
    pub fn parse(text: &str) -> Result<Self, NotAHash> {
        let parts = phc::PasswordHash::new(text).map_err(|_| NotAHash)?;
        let params = Params::try_from(&parts).map_err(|_| NotAHash)?;
        let ours = parts.algorithm == argon2::ARGON2ID_IDENT
            && parts.version.is_none_or(|v| Version::try_from(v).is_ok())
            && params.m_cost() <= MOST_MEMORY
            && params.t_cost() <= MOST_PASSES
            && params.p_cost() <= 16
            && parts
                .salt
                .is_some_and(|salt| salt.len() >= argon2::MIN_SALT_LEN)
            && parts.hash.is_some_and(|hash| hash.len() >= 16);
        let text = text.to_owned();
        ours.then_some(Self {
            text,
            parts,
            params,
        })
        .ok_or(NotAHash)
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it was made with less than what is taken today, so that a successful login is the
    /// moment to store another.
    pub fn needs_rehash(&self) -> bool {
        let params = &self.params;
        params.m_cost() < MEMORY
            || params.t_cost() < PASSES
            || self.parts.version != Some(Version::V0x13.into())
            || params.output_len().is_none_or(|len| len < OUTPUT)
    }

    /// Hashes the password anew, with a salt of its own. Takes tens of milliseconds.
    ///
    /// # Errors
    /// There is no memory, or no random numbers.
    pub(super) fn make(password: &Password) -> Result<Self, String> {
        let salt: [u8; SALT] = random::bytes().map_err(|e| e.to_string())?;
        Self::with_salt(password, &salt)
    }

    /// What takes the place of a hash where an account is not there or has no password: checking
    /// against it takes as long. Nothing that is typed makes its output, which is all zeros.
    pub(super) fn of_nothing() -> Self {
        let salt = phc::Salt::new(&[0; SALT]).expect("long enough");
        Self::of_parts(salt, [0; OUTPUT]).expect("parameters of ours")
    }

    fn with_salt(password: &Password, salt: &[u8; SALT]) -> Result<Self, String> {
        let mut output = [0; OUTPUT];
        fill(&ours(), Version::V0x13, password, salt, &mut output)?;
        let salt = phc::Salt::new(salt).map_err(|e| e.to_string())?;
        Self::of_parts(salt, output)
    }

    fn of_parts(salt: phc::Salt, output: [u8; OUTPUT]) -> Result<Self, String> {
        let params = ours();
        let parts = phc::PasswordHash {
            algorithm: argon2::ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: phc::ParamsString::try_from(&params).map_err(|e| e.to_string())?,
            salt: Some(salt),
            hash: Some(phc::Output::new(&output).map_err(|e| e.to_string())?),
        };
        let text = parts.to_string();
        Ok(Self {
            text,
            parts,
            params,
        })
    }

    /// Whether it is this password's. Takes tens of milliseconds, the same for every answer.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn is_of(&self, password: &Password) -> Result<bool, String> {
        let (Some(salt), Some(expected)) = (self.parts.salt, self.parts.hash) else {
            return Ok(false);
        };
        let version = self.parts.version.unwrap_or(Version::V0x10.into());
        let version = Version::try_from(version).map_err(|e| e.to_string())?;
        let mut output = vec![0; expected.len()];
        fill(&self.params, version, password, &salt, &mut output)?;
        Ok(output.ct_eq(expected.as_bytes()).into())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What passwords are hashed with today.
fn ours() -> Params {
    Params::new(MEMORY, PASSES, LANES, Some(OUTPUT)).expect("within argon2's limits")
}

fn fill(
    params: &Params,
    version: Version,
    password: &Password,
    salt: &[u8],
    output: &mut [u8],
) -> Result<(), String> {
    let blocks = params.block_count();
    let mut memory: Vec<Block> = Vec::new();
    memory
        .try_reserve_exact(blocks.max(RESERVED))
        .map_err(|e| e.to_string())?;
    memory.resize(blocks, Block::new());
    Argon2::new(Algorithm::Argon2id, version, params.clone())
        .hash_password_into_with_memory(password.secret().as_bytes(), salt, output, &mut memory[..])
        .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Password {
        Password::from(text.to_owned())
    }

    #[test]
    fn a_hash_is_of_its_password_alone() {
        let hash = PasswordHash::make(&typed("correct horse")).expect("made");
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let stored = PasswordHash::parse(hash.as_str()).expect("what was made is read");
        assert_eq!(stored, hash);
        assert_eq!(stored.is_of(&typed("correct horse")), Ok(true));
        assert_eq!(stored.is_of(&typed("Correct horse")), Ok(false));
        assert!(!stored.needs_rehash());
        let again = PasswordHash::make(&typed("correct horse")).expect("made");
        assert_ne!(again.as_str(), hash.as_str(), "each has a salt of its own");
        assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
    }

    /// Made by the reference implementation: `echo -n password | argon2 somesalt -id -v 13 …`.
    #[test]
    fn what_others_made_is_read() {
        let small =
            "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
        let hash = PasswordHash::parse(small).expect("argon2id");
        assert_eq!(hash.is_of(&typed("password")), Ok(true));
        assert_eq!(hash.is_of(&typed("passwore")), Ok(false));
        assert!(hash.needs_rehash());
    }

    #[test]
    fn what_is_no_hash_or_takes_too_much_is_refused() {
        let tail = "c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
        for bad in [
            String::new(),
            "hunter2".to_owned(),
            format!("$argon2i$v=19$m=256,t=2,p=2${tail}"),
            format!("$argon2id$v=20$m=256,t=2,p=2${tail}"),
            format!("$argon2id$v=19$m=4194304,t=2,p=2${tail}"),
            format!("$argon2id$v=19$m=256,t=4000000,p=2${tail}"),
            "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ".to_owned(),
        ] {
            assert_eq!(PasswordHash::parse(&bad), Err(NotAHash), "{bad}");
        }
    }

    #[test]
    fn no_password_is_nothings() {
        let nothing = PasswordHash::of_nothing();
        assert!(!nothing.needs_rehash());
        for text in ["", "password"] {
            assert_eq!(nothing.is_of(&typed(text)), Ok(false));
        }
    }
}
