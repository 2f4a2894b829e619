//! Tokens for tests, signed with keys that follow from their names.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::KeySet;

pub(in crate::auth) struct Signer {
    name: &'static str,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub(in crate::auth) fn new(name: &'static str) -> Self {
        let seed = Sha256::digest(name);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes");
        Self { name, pair }
    }

    pub(in crate::auth) fn keys(&self) -> KeySet {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.name, "x": x });
        KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).expect("a key")
    }

    pub(in crate::auth) fn token(&self, claims: &str) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.name }).to_string();
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}
