//! The compact form of a signed token (RFC 7515): three parts, read strictly and believed only
//! when the signature was checked.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::TokenError;

/// Longer ones are not read: what a browser or a proxy lets through is about as long.
const LONGEST: usize = 8 << 10;

/// The algorithms that are taken. A name for "no signature" or for a shared secret is not among
/// them, so that no token can choose those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// RFC 9864 calls EdDSA over that curve by the curve's name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A token before its signature is verified.
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key: Option<String>,
    /// What was signed: the first two parts as they stand.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
    payload: Vec<u8>,
}

/// What of a header means something here. Keys that come with a token (`jwk`, `jku`, `x5u`) mean
/// nothing: a stranger would vouch for itself.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// What a token says of its type: access tokens (RFC 9068), and those that say no more than what
/// they are. Others, such as logout tokens, have other rules.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

impl<'a> Token<'a> {
    /// # Errors
    /// What is wrong with its form, or asks for more than is done here.
    pub(super) fn parse(raw: &'a str) -> Result<Self, TokenError> {
        if raw.len() > LONGEST {
            return Err(TokenError::Malformed("it is too long"));
        }
        let malformed = || TokenError::Malformed("it has not three parts in base64url");
        let (signed, signature) = raw.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let header: Header = serde_json::from_slice(&header)
            .map_err(|_| TokenError::Malformed("its header is none"))?;
        let algorithm = Algorithm::named(&header.alg).ok_or(TokenError::Algorithm)?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        let is_known = |typ: &str| TYPES.contains(&typ.to_ascii_lowercase().as_str());
        if !header.typ.as_deref().is_none_or(is_known) {
            return Err(TokenError::Type);
        }
        Ok(Self {
            algorithm,
            key: header.kid,
            signed,
            signature,
            payload,
        })
    }

    /// What it says. To be called when the signature is known to be right.
    ///
    /// # Errors
    /// It is no JSON object.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, TokenError> {
        let claims = serde_json::from_slice(&self.payload);
        claims.map_err(|_| TokenError::Malformed("its claims are no JSON object"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_header(header: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(header), part("{}"), part("signature"))
    }

    #[test]
    fn what_a_token_must_not_ask_for_is_refused() {
        for (header, expected) in [
            (r#"{"alg":"none"}"#, TokenError::Algorithm),
            (r#"{"alg":"None"}"#, TokenError::Algorithm),
            (r#"{"alg":"HS256"}"#, TokenError::Algorithm),
            (r#"{"alg":"RS512"}"#, TokenError::Algorithm),
            (r#"{"alg":"RS256","crit":["exp"]}"#, TokenError::Critical),
            (
                r#"{"alg":"RS256","crit":[],"b64":false}"#,
                TokenError::Critical,
            ),
            (r#"{"alg":"RS256","typ":"logout+jwt"}"#, TokenError::Type),
            (
                r#"{"alg":"RS256","alg":"none"}"#,
                TokenError::Malformed("its header is none"),
            ),
            (
                r#"{"alg":["RS256"]}"#,
                TokenError::Malformed("its header is none"),
            ),
            (r#"{}"#, TokenError::Malformed("its header is none")),
        ] {
            let token = with_header(header);
            assert_eq!(Token::parse(&token).map(|_| ()), Err(expected), "{header}");
        }
        for header in [
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"ES256","typ":"JWT","x":1}"#,
            r#"{"alg":"Ed25519","typ":"at+jwt"}"#,
        ] {
            assert!(Token::parse(&with_header(header)).is_ok(), "{header}");
        }
    }

    #[test]
    fn only_three_parts_in_strict_base64_are_a_token() {
        let good = with_header(r#"{"alg":"RS256"}"#);
        for bad in [
            String::new(),
            "..".into(),
            format!("{good}.x"),
            format!("{good}="),
            good.replace('.', " "),
            format!("{good}\n"),
            "a".repeat(LONGEST + 1),
        ] {
            let refused = Token::parse(&bad).map(|_| ());
            assert!(matches!(refused, Err(TokenError::Malformed(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_panics(raw in "[a-zA-Z0-9_.=-]{0,200}") {
            let _ = Token::parse(&raw);
        }
    }
}
