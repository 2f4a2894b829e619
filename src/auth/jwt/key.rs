//! The keys of a provider as it publishes them (RFC 7517), and the check of a signature by one.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::TokenError;
use super::token::{Algorithm, Token};

/// More keys than these are no provider's: each may be tried for a token that names none.
const MOST: usize = 64;

/// The public keys that may sign. Keys of other kinds and for other purposes are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySet(Vec<Key>);

#[derive(Debug, Clone, PartialEq)]
struct Key {
    id: Option<String>,
    material: Material,
}

/// A key, and with it the one algorithm that it is for: what a token says can only agree.
#[derive(Debug, Clone, PartialEq)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point on P-256, not compressed.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A JWK, as far as it is read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<Value>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set, `{"keys": […]}`.
    ///
    /// # Errors
    /// It is none, holds a private key, or holds none that is used here.
    pub fn parse(json: &[u8]) -> Result<Self, &'static str> {
        let set: JwkSet = serde_json::from_slice(json)
            .map_err(|_| "it is no JWK set, which begins with {\"keys\": [")?;
        if set.keys.len() > MOST {
            return Err("it has more than 64 keys");
        }
        let jwks = set.keys.into_iter();
        let jwks: Vec<Jwk> = jwks
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect();
        if jwks.iter().any(|jwk| jwk.d.is_some()) {
            return Err(
                "it has a private key (`d`): a reader of the file can make tokens; give the public keys alone",
            );
        }
        let keys: Vec<Key> = jwks.into_iter().filter_map(Key::of).collect();
        if keys.is_empty() {
            return Err("it has no public key for RS256, ES256 or EdDSA");
        }
        Ok(Self(keys))
    }

    /// Whether a key could have signed the token by what the two say of themselves.
    pub(super) fn knows(&self, token: &Token<'_>) -> bool {
        self.candidates(token).next().is_some()
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// No key fits the token, or none made the signature.
    pub(super) fn check(&self, token: &Token<'_>) -> Result<(), TokenError> {
        let mut candidates = self.candidates(token).peekable();
        candidates.peek().ok_or(TokenError::UnknownKey)?;
        if candidates.any(|key| key.signed(token)) {
            Ok(())
        } else {
            Err(TokenError::Signature)
        }
    }

    fn candidates<'a>(&'a self, token: &'a Token<'_>) -> impl Iterator<Item = &'a Key> {
        let named = |key: &&Key| token.key.is_none() || key.id == token.key;
        let fits = |key: &&Key| key.material.algorithm() == token.algorithm;
        self.0.iter().filter(named).filter(fits)
    }
}

impl Key {
    /// `None` for what is for something else.
    fn of(jwk: Jwk) -> Option<Self> {
        let signs = jwk
            .purpose
            .as_deref()
            .is_none_or(|purpose| purpose == "sig");
        let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        if !signs || !jwk.key_ops.as_ref().is_none_or(verifies) {
            return None;
        }
        let part = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_ref()?).ok();
        let curve = jwk.crv.as_deref();
        let material = match (jwk.kty.as_str(), curve) {
            ("RSA", _) => Material::Rsa {
                n: without_zeros(part(&jwk.n)?),
                e: without_zeros(part(&jwk.e)?),
            },
            ("EC", Some("P-256")) => {
                let (x, y) = (part(&jwk.x)?, part(&jwk.y)?);
                let fits = x.len() == 32 && y.len() == 32;
                fits.then(|| Material::P256([&[4], &x[..], &y[..]].concat()))?
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(part(&jwk.x)?),
            _ => return None,
        };
        let means = jwk.alg.as_deref().map(Algorithm::named);
        let agrees = means.is_none_or(|alg| alg == Some(material.algorithm()));
        let id = jwk.kid;
        agrees.then_some(Self { id, material })
    }

    fn signed(&self, token: &Token<'_>) -> bool {
        let (message, signature) = (token.signed.as_bytes(), &token.signature[..]);
        let checked = match &self.material {
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Material::Ed25519(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
        };
        checked.is_ok()
    }
}

impl Material {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }
}

/// Some write the sign's byte before a number that has none.
fn without_zeros(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.split_off(zeros)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(keys: Value) -> Result<KeySet, &'static str> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    /// From RFC 8037, appendix A.2 and A.4.
    const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const RFC_8037: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    /// From RFC 7515, appendix A.2 and A.3.
    const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const RFC_7515_RSA: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const RFC_7515_EC: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn all() -> KeySet {
        parse(json!([
            { "kty": "OKP", "crv": "Ed25519", "x": ED25519_X },
            { "kty": "RSA", "n": RSA_N, "e": "AQAB", "use": "sig", "alg": "RS256" },
            {
                "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            },
        ]))
        .expect("keys")
    }

    #[test]
    fn signatures_of_the_standards_are_right() {
        for token in [RFC_8037, RFC_7515_RSA, RFC_7515_EC] {
            let parsed = Token::parse(token).expect("a token");
            assert_eq!(all().check(&parsed), Ok(()), "{token}");
            let (head, signature) = token.rsplit_once('.').expect("three parts");
            let changed = format!("{head}x.{signature}");
            if let Ok(changed) = Token::parse(&changed) {
                assert_eq!(all().check(&changed), Err(TokenError::Signature));
            }
        }
    }

    #[test]
    fn a_key_is_for_its_own_algorithm_alone() {
        let ed25519 =
            parse(json!([{ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X }])).expect("a key");
        let rsa = Token::parse(RFC_7515_RSA).expect("a token");
        assert!(!ed25519.knows(&rsa));
        assert_eq!(ed25519.check(&rsa), Err(TokenError::UnknownKey));
    }

    #[test]
    fn what_is_not_for_signing_is_left_out() {
        let ours = json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "kid": "ours" });
        let none = Err("it has no public key for RS256, ES256 or EdDSA");
        for (field, value) in [
            ("use", json!("enc")),
            ("key_ops", json!(["encrypt"])),
            ("alg", json!("RS256")),
            ("kty", json!("oct")),
            ("crv", json!("Ed448")),
            ("x", json!("not base64!")),
        ] {
            let mut other = ours.clone();
            other[field] = value;
            assert_eq!(parse(json!([other.clone()])), none, "{other}");
            assert_eq!(parse(json!([other, ours])).map(|set| set.0.len()), Ok(1));
        }
        assert_eq!(parse(json!([{ "kty": "oct", "k": "c2VjcmV0" }])), none);
    }

    #[test]
    fn a_set_with_a_private_key_is_refused() {
        let private = json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "d": "AAAA" });
        assert!(parse(json!([private])).is_err_and(|why| why.contains("private")));
        for none in [
            "",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[]}"#,
            r#"{"keys":[1]}"#,
        ] {
            assert!(KeySet::parse(none.as_bytes()).is_err(), "{none}");
        }
    }
}
