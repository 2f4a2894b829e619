//! The certificates that the configuration names: whether they can be read, and when they end.
use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::super::finding::{Finding, Verdict};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::model::url::postgres::PostgresUrl;
use crate::model::url::redis::RedisUrl;
use crate::tls::{Identity, validity};

const CHECK: &str = "certificates";
const SOON: TimeDelta = TimeDelta::days(30);
const VERY_SOON: TimeDelta = TimeDelta::days(7);

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Authorities, of which one that has ended does no harm beside another.
    Trusted,
    /// What the client shows, or the server.
    Shown,
}

pub(super) fn look(configs: &[&Config]) -> Vec<Finding> {
    let mut files = BTreeMap::new();
    for config in configs {
        files.extend(of_database(config));
        files.extend(of_redis(config));
        files.extend(config.tls.cert.clone().map(|cert| (cert, Use::Shown)));
    }
    let now = SystemClock.utc();
    let unusable = configs.iter().filter_map(|config| own(config, now));
    let mut unusable: Vec<Finding> = unusable.collect();
    unusable.dedup();
    let found = files.into_iter();
    let judged = found.map(|(path, usage)| {
        let on = path.display().to_string();
        match std::fs::read(&path) {
            Ok(pem) => judge(&on, &pem, usage, now),
            Err(error) => bad(&on, format!("cannot read it: {error}"))
                .fix("put it there, readable for the user of the instances"),
        }
    });
    judged.chain(unusable).collect()
}

/// What an instance would refuse to show to its clients, for another reason than the certificate's end.
fn own(config: &Config, now: DateTime<Utc>) -> Option<Finding> {
    let (cert, key) = (config.tls.cert.as_ref()?, config.tls.key.as_ref()?);
    let on = key.display().to_string();
    match Identity::read(cert, key, now) {
        Ok(identity) => {
            let warning = identity.warning()?;
            let finding = Finding::bad(CHECK, on, Verdict::Warning, warning);
            Some(finding.fix(format!("chmod o= {}", key.display())))
        }
        Err(error) => Some(bad(&on, error.to_string()).fix(RENEW)),
    }
}

fn of_database(config: &Config) -> Vec<(PathBuf, Use)> {
    let Ok(url) = config.db_url.expose().parse::<PostgresUrl>() else {
        return Vec::new();
    };
    let root = url.ssl_root_cert.filter(|path| path != "system");
    let root = root.map(|path| (PathBuf::from(path), Use::Trusted));
    let shown = url.ssl_cert.map(|path| (PathBuf::from(path), Use::Shown));
    root.into_iter().chain(shown).collect()
}

fn of_redis(config: &Config) -> Vec<(PathBuf, Use)> {
    let url = config.redis_url.as_ref().map(|url| url.expose().parse());
    let Some(Ok(RedisUrl { tls: Some(tls), .. })) = url else {
        return Vec::new();
    };
    let root = tls.root.map(|path| (path, Use::Trusted));
    let shown = tls.client.map(|client| (client.certificate, Use::Shown));
    root.into_iter().chain(shown).collect()
}

fn bad(on: &str, detail: impl Into<String>) -> Finding {
    Finding::bad(CHECK, on, Verdict::Critical, detail.into())
}

fn judge(on: &str, pem: &[u8], usage: Use, now: DateTime<Utc>) -> Finding {
    let ends = CertificateDer::pem_slice_iter(pem).map(|found| Some(validity(&found.ok()?)?.ends));
    let Some(ends) = ends.collect::<Option<Vec<_>>>() else {
        return bad(on, "it holds something that is no certificate").fix(RENEW);
    };
    let end = match usage {
        Use::Trusted => ends.into_iter().max(),
        Use::Shown => ends.into_iter().min(),
    };
    let Some(end) = end else {
        return bad(on, "it holds no certificate (PEM)").fix(RENEW);
    };
    let left = end - now;
    let when = format!("{} ({} days)", end.format("%Y-%m-%d"), left.num_days());
    if left <= TimeDelta::zero() {
        bad(on, format!("it ended on {}", end.format("%Y-%m-%d"))).fix(RENEW)
    } else if left < VERY_SOON {
        bad(on, format!("it ends on {when}")).fix(RENEW)
    } else if left < SOON {
        Finding::bad(CHECK, on, Verdict::Warning, format!("it ends on {when}")).fix(RENEW)
    } else {
        Finding::ok(CHECK, on, format!("it ends on {when}"))
    }
}

const RENEW: &str = "put a new one in its place; the server's own is in service within seconds, Redis's is read at \
     the next connection, PostgreSQL's at a restart";

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl req -x509 -newkey ed25519 -nodes -subj /CN=x -days 3650`, ending on 2035-12-30.
    const PEM: &str = "-----BEGIN CERTIFICATE-----\n\
        MIIBLDCB36ADAgECAhQBfYFFF/AKl8AvASgbaFnnGitwNTAFBgMrZXAwDDEKMAgG\n\
        A1UEAwwBeDAeFw0yNjAxMDEwMDAwMDBaFw0zNTEyMzAwMDAwMDBaMAwxCjAIBgNV\n\
        BAMMAXgwKjAFBgMrZXADIQDH1JYTxcLvMl6x1v5XB3u2HSScjzaY9NaTGGpls2KL\n\
        E6NTMFEwHQYDVR0OBBYEFM7r8Kyc17+BsdxVMbHKdcpYUwyoMB8GA1UdIwQYMBaA\n\
        FM7r8Kyc17+BsdxVMbHKdcpYUwyoMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA\n\
        6EUxtjAXS57ycW4KOz8SmcqaHE/+oa24TlLayIKpS1AuXRKX80J/sj6ss4sQ4nvi\n\
        viuWxpxkTTwvSLOG7Ht4Cg==\n\
        -----END CERTIFICATE-----";

    fn at(day: &str) -> DateTime<Utc> {
        format!("{day}T00:00:00Z").parse().expect("a day")
    }

    #[test]
    fn the_end_of_a_certificate_is_told_before_it_comes() {
        for (day, level) in [
            ("2026-01-01", Verdict::Ok),
            ("2035-12-10", Verdict::Warning),
            ("2035-12-27", Verdict::Critical),
            ("2036-01-02", Verdict::Critical),
        ] {
            let found = judge("x.pem", PEM.as_bytes(), Use::Shown, at(day));
            assert_eq!(found.level, level, "{day}: {}", found.detail);
        }
    }

    #[test]
    fn what_is_no_certificate_is_told_and_no_panic() {
        let broken = PEM.replace("MIIB", "AAAA");
        for bad in ["", "text", &broken] {
            let found = judge("x.pem", bad.as_bytes(), Use::Trusted, at("2026-01-01"));
            assert_eq!(found.level, Verdict::Critical, "{bad}");
        }
    }
}
