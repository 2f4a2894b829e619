//! The servers that vouch for people, as they are configured.
use std::path::Path;
use std::sync::Arc;

use super::ServeError;
use crate::auth::jwt::{ClaimNames, KeySet, Keys, Terms, Verifier};
use crate::auth::oidc::{Client, SignIn};
use crate::chat::{Strangers, Vouchers};
use crate::clock::Clock;
use crate::config::{self, Config, Jwt, Oidc};

/// # Errors
/// A file of keys cannot be read, or the system's certificates.
pub(super) fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Vouchers, ServeError> {
    Ok(Vouchers {
        tokens: tokens(&config.auth.jwt, clock)?,
        sign_in: sign_in(&config.auth.oidc, clock)?,
    })
}

fn sign_in(oidc: &Oidc, clock: &Arc<dyn Clock>) -> Result<Option<(SignIn, Strangers)>, ServeError> {
    let (Some(issuer), Some(id)) = (&oidc.issuer, &oidc.client_id) else {
        return Ok(None);
    };
    let secret = oidc.client_secret.as_ref();
    let client = Client {
        id: id.clone(),
        secret: secret.map(|secret| secret.expose().to_owned().into()),
        scopes: oidc.scopes.clone(),
        claims: claims(&oidc.claims),
    };
    let sign_in = SignIn::at(issuer, client, Arc::clone(clock));
    let sign_in = sign_in.map_err(ServeError::Certificates)?;
    Ok(Some((sign_in, strangers(oidc.provision))))
}

fn tokens(jwt: &Jwt, clock: &Arc<dyn Clock>) -> Result<Option<(Verifier, Strangers)>, ServeError> {
    let Some(issuer) = &jwt.issuer else {
        return Ok(None);
    };
    let keys = match (&jwt.keys, &jwt.jwks_url) {
        (Some(file), _) => Keys::fixed(read(file)?),
        (None, url) => Keys::at(url.as_deref().unwrap_or_default(), Arc::clone(clock))
            .map_err(ServeError::Certificates)?,
    };
    let terms = Terms {
        issuer: issuer.clone(),
        audience: jwt.audience.clone(),
        claims: claims(&jwt.claims),
    };
    let verifier = Verifier::new(terms, keys, Arc::clone(clock));
    Ok(Some((verifier, strangers(jwt.provision))))
}

fn read(file: &Path) -> Result<KeySet, ServeError> {
    let failed = |why: String| ServeError::Keys {
        file: file.to_owned(),
        why,
    };
    let text = std::fs::read(file).map_err(|e| failed(e.to_string()))?;
    KeySet::parse(&text).map_err(|why| failed(why.to_owned()))
}

fn claims(names: &config::ClaimNames) -> ClaimNames {
    ClaimNames {
        name: names.name.clone(),
        roles: names.roles.clone(),
    }
}

fn strangers(provision: bool) -> Strangers {
    if provision {
        Strangers::Registered
    } else {
        Strangers::Refused
    }
}
