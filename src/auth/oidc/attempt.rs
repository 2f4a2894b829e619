//! One attempt to sign in: a secret of the browser's, and what is derived from it.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::random;

const LENGTH: usize = 32;

pub(super) struct Attempt(Zeroizing<[u8; LENGTH]>);

impl Attempt {
    pub(super) fn random() -> Self {
        let secret = random::bytes().expect("the operating system has random numbers");
        Self(Zeroizing::new(secret))
    }

    /// Of what a browser brought back; `None` for what never was one.
    pub(super) fn parse(secret: &str) -> Option<Self> {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).ok()?);
        let secret: [u8; LENGTH] = secret.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(secret)))
    }

    pub(super) fn secret(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0))
    }

    /// What goes through the browser's address line, and comes back there.
    pub(super) fn state(&self) -> String {
        self.derived("state")
    }

    pub(super) fn began(&self, state: &str) -> bool {
        self.state().as_bytes().ct_eq(state.as_bytes()).into()
    }

    /// What the provider writes into its token.
    pub(super) fn nonce(&self) -> String {
        self.derived("nonce")
    }

    pub(super) fn asked(&self, nonce: &str) -> bool {
        self.nonce().as_bytes().ct_eq(nonce.as_bytes()).into()
    }

    /// What only the client that began can show (RFC 7636): 43 characters.
    pub(super) fn verifier(&self) -> Zeroizing<String> {
        Zeroizing::new(self.derived("verifier"))
    }

    pub(super) fn challenge(&self) -> String {
        challenge(&self.verifier())
    }

    /// Digests of one secret tell neither it nor each other.
    fn derived(&self, purpose: &str) -> String {
        let digest = Sha256::new_with_prefix(purpose)
            .chain_update([0])
            .chain_update(*self.0);
        URL_SAFE_NO_PAD.encode(digest.finalize())
    }
}

/// By the method S256.
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_known_again_by_its_secret_alone() {
        let (one, other) = (Attempt::random(), Attempt::random());
        let again = Attempt::parse(&one.secret()).expect("its own secret");
        assert!(again.began(&one.state()) && again.asked(&one.nonce()));
        assert!(!other.began(&one.state()) && !other.asked(&one.nonce()));
        assert_eq!(again.verifier().len(), 43);
        let told = [one.state(), one.nonce(), one.challenge()];
        assert!(
            told.iter()
                .all(|text| *text != *one.verifier() && *text != *one.secret())
        );
        for bad in ["", "x", &"A".repeat(42), &"A".repeat(44), "é"] {
            assert!(Attempt::parse(bad).is_none(), "{bad}");
        }
    }

    /// RFC 7636, appendix B.
    #[test]
    fn a_challenge_is_the_digest_of_the_verifier() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(
            challenge(verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
