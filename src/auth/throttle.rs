//! How long an account and an address wait after failed logins: pure arithmetic over what is
//! stored for each, a count and a time.
//!
//! An attempt is counted as a failure *before* the password is checked, so that many at once are
//! counted too. An attempt that succeeds takes its account's count away, and of its address's
//! count only itself: an attacker's own account does not buy attempts on others.
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::secret::Digest;
use crate::model::{Nickname, client_network};

/// So many failures cost nothing.
const FREE: u32 = 5;
/// How long to wait after that; twice as long after each further failure.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// The failure after which the wait is the longest; more are not counted, so that all are
/// forgotten in the end.
const MOST: u32 = 14;

/// What is counted: an account by its name, whether there is one or not, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttled {
    key: Digest,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Account,
    Address,
}

/// What is stored for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    pub count: u32,
    /// Of the last one.
    pub at: DateTime<Utc>,
}

/// For so long nothing is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many failed logins; try again in {} seconds", after.as_secs())]
pub struct Wait {
    /// In whole seconds, at least one.
    pub after: Duration,
}

impl Throttled {
    pub fn account(name: &Nickname) -> Self {
        Self::new(Kind::Account, &name.key())
    }

    /// An IPv6 client has a /64 to itself, and counts as one.
    pub fn address(address: IpAddr) -> Self {
        Self::new(Kind::Address, &client_network(address).to_string())
    }

    fn new(kind: Kind, name: &str) -> Self {
        let key = Digest::of(&format!("{kind:?}:{name}"));
        Self { key, kind }
    }

    /// Under which it is stored: a digest, always of the same length.
    pub fn key(&self) -> &Digest {
        &self.key
    }

    /// One failure is forgotten in so long without another. An address may be many people's.
    fn forgets_one_after(&self) -> Duration {
        match self.kind {
            Kind::Account => LONGEST_WAIT,
            Kind::Address => Duration::from_secs(60),
        }
    }

    /// What to store when it tries to log in now.
    ///
    /// # Errors
    /// It has to wait first; nothing is to be stored.
    pub fn attempt(&self, past: Option<Failures>, now: DateTime<Utc>) -> Result<Failures, Wait> {
        let Some(past) = past else {
            return Ok(Failures { count: 1, at: now });
        };
        // A clock that was set back has let no time pass.
        let passed = (now - past.at).to_std().unwrap_or_default();
        let forgotten = passed.as_secs() / self.forgets_one_after().as_secs();
        let forgotten = u32::try_from(forgotten).unwrap_or(u32::MAX);
        let count = past.count.min(MOST).saturating_sub(forgotten);
        let left = wait_after(count).saturating_sub(passed);
        if left.is_zero() {
            let count = (count + 1).min(MOST);
            return Ok(Failures { count, at: now });
        }
        let after = Duration::from_secs(left.as_millis().div_ceil(1000) as u64);
        Err(Wait { after })
    }
}

impl Failures {
    /// What is left of an address's when the attempt that made it so has succeeded.
    pub fn without_one(self) -> Option<Self> {
        let count = self.count.saturating_sub(1);
        (count > 0).then_some(Self { count, ..self })
    }

    /// What is older than this is forgotten altogether: its row may be deleted.
    pub fn forgotten_before(now: DateTime<Utc>) -> DateTime<Utc> {
        now - LONGEST_WAIT * MOST
    }
}

/// How long to wait after so many failures.
fn wait_after(count: u32) -> Duration {
    if count < FREE {
        return Duration::ZERO;
    }
    let doubled = 1 << (count - FREE).min(31);
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account() -> Throttled {
        Throttled::account(&Nickname::parse("alice").expect("a nickname"))
    }

    fn address() -> Throttled {
        Throttled::address("192.0.2.7".parse().expect("an address"))
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).expect("a time")
    }

    /// Tries at once whenever it may, for so long; how often that was.
    fn tries_within(of: &Throttled, seconds: i64) -> u32 {
        let (mut past, mut now, mut tries) = (None, 0, 0);
        while now < seconds {
            match of.attempt(past, at(now)) {
                Ok(failures) => {
                    past = Some(failures);
                    tries += 1;
                }
                Err(wait) => now += i64::try_from(wait.after.as_secs()).expect("minutes"),
            }
        }
        tries
    }

    #[test]
    fn the_sixth_waits_and_each_further_twice_as_long() {
        let (mut past, mut now, mut waits) = (None, 0, Vec::new());
        for _ in 0..17 {
            if let Err(wait) = account().attempt(past, at(now)) {
                waits.push(wait.after.as_secs());
                now += i64::try_from(wait.after.as_secs()).expect("minutes");
            }
            past = account().attempt(past, at(now)).ok();
            assert!(past.is_some(), "at {now}");
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    }

    #[test]
    fn a_day_of_guessing_is_few_guesses() {
        let day = 24 * 3600;
        assert_eq!(tries_within(&account(), 1), FREE);
        assert!(tries_within(&account(), day) <= 14 + 96, "15 minutes each");
        assert!(tries_within(&address(), day) <= 14 + 24 * 60);
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let most = Some(Failures {
            count: MOST,
            at: at(0),
        });
        let hours = |hours: i64| at(hours * 3600);
        let wait = address().attempt(most, at(60)).expect_err("a minute later");
        assert!(wait.after <= LONGEST_WAIT);
        assert_eq!(address().attempt(most, hours(1)).map(|f| f.count), Ok(1));
        assert_eq!(account().attempt(most, hours(1)).map(|f| f.count), Ok(11));
        assert_eq!(account().attempt(most, hours(4)).map(|f| f.count), Ok(1));
        assert!(Failures::forgotten_before(hours(4)) > at(0));
        assert!(Failures::forgotten_before(hours(3)) < at(0));
    }

    #[test]
    fn a_success_takes_only_itself_from_its_address() {
        let nine = Failures {
            count: 9,
            at: at(0),
        };
        assert_eq!(nine.without_one().map(|f| f.count), Some(8));
        assert_eq!(
            Failures {
                count: 1,
                at: at(0)
            }
            .without_one(),
            None
        );
    }

    #[test]
    fn accounts_and_addresses_are_counted_apart() {
        let name = |name| Throttled::account(&Nickname::parse(name).expect("a nickname"));
        let of = |text: &str| Throttled::address(text.parse().expect("an address"));
        assert_eq!(name("Alice"), name("aLICE"));
        assert_ne!(name("192.0.2.7").key(), of("192.0.2.7").key());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    proptest! {
        /// Whatever is stored, and wherever the clock was set: a wait ends, after 15 minutes at
        /// most, and after as long as was told the next attempt is let through.
        #[test]
        fn every_wait_ends(count: u32, passed in -100_000_i64..100_000, of_account: bool) {
            let throttled = if of_account { account() } else { address() };
            let past = Some(Failures { count, at: at(0) });
            match throttled.attempt(past, at(passed)) {
                Ok(failures) => prop_assert!((1..=MOST).contains(&failures.count)),
                Err(wait) => {
                    let after = i64::try_from(wait.after.as_secs()).expect("minutes");
                    prop_assert!((1..=15 * 60).contains(&after));
                    let then = at(passed.max(0) + after);
                    prop_assert!(throttled.attempt(past, then).is_ok());
                }
            }
        }

        /// Waiting longer than necessary does not let more attempts through.
        #[test]
        fn patience_buys_nothing(pauses in proptest::collection::vec(0_i64..4_000, 0..60)) {
            let (mut past, mut now, mut tries) = (None, 0, 0_i64);
            for pause in pauses {
                now += pause;
                if let Ok(failures) = account().attempt(past, at(now)) {
                    past = Some(failures);
                    tries += 1;
                }
            }
            prop_assert!(tries <= 14 + 1 + now / 900, "{tries} within {now} s");
        }
    }
}
