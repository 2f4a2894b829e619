//! The servers that a PostgreSQL URL names, and which of them a connection is made to.
//!
//! They are tried in order, beginning with the one that was right last, so that all connections of
//! a process go to the same. Names are looked up for each connection anew, and every address that
//! is found is tried.
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, timeout_at};

use super::{StoreError, pg_url};
use crate::model::url::postgres::TargetSession;

/// Whether the server is a standby, and whether a transaction here takes no writes.
const ROLE: &str = "SELECT pg_is_in_recovery() AS standby,
    current_setting('transaction_read_only') = 'on' AS read_only";

#[derive(Clone)]
pub(super) struct Servers {
    each: Vec<PgConnectOptions>,
    /// Which of them will do. Where the URL does not say, one that takes writes, and to read from,
    /// while there is none, any.
    target: Option<TargetSession>,
    /// For each address, where the URL says so.
    each_within: Option<Duration>,
    /// The place of the one that was right last.
    last: Arc<AtomicUsize>,
}

/// A connection, and how it was made.
pub(super) struct Found {
    pub(super) connection: PgConnection,
    pub(super) options: PgConnectOptions,
    /// Which of the servers it is to.
    pub(super) place: usize,
}

/// How far a server is what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Right,
    /// It will do if there is no other.
    Second,
    Wrong(&'static str),
}

/// A round through the servers.
struct Round {
    deadline: Instant,
    each_within: Option<Duration>,
    second: Option<Found>,
    failures: Vec<(String, StoreError)>,
}

impl Servers {
    /// The servers of `url`, for a program that their own views call `application`.
    ///
    /// # Errors
    /// Fails where `url` is not understood.
    pub(super) fn of(url: &str, application: &str) -> Result<Self, StoreError> {
        let parsed = pg_url::parse(url)?;
        // Nothing is asked of the session that a pooler could not give.
        let plain = |options: PgConnectOptions| {
            let options = options.application_name(application);
            options.extra_float_digits(None).disable_statement_logging()
        };
        Ok(Self {
            each: pg_url::each(&parsed)?.into_iter().map(plain).collect(),
            target: parsed.target,
            each_within: parsed.connect_timeout,
            last: Arc::default(),
        })
    }

    /// The same, connected to as `change` has it.
    pub(super) fn with(&self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        Self {
            each: self.each.iter().cloned().map(change).collect(),
            ..self.clone()
        }
    }

    /// One of the servers, which need not be the one that will do.
    pub(super) fn first(&self) -> &PgConnectOptions {
        &self.each[0]
    }

    /// Connects to the first server that will do. All of them together get `patience`, each
    /// address its share of what is left, unless the URL says how long each is tried.
    ///
    /// # Errors
    /// Fails where none will do, with the reason of each.
    pub(super) async fn connect(&self, patience: Duration) -> Result<Found, StoreError> {
        let mut round = Round {
            deadline: Instant::now() + patience,
            each_within: self.each_within,
            second: None,
            failures: Vec::new(),
        };
        let count = self.each.len();
        let first = self.last.load(Relaxed);
        for tried in 0..count {
            let place = (first + tried) % count;
            let found = self.try_server(&mut round, place, count - tried).await;
            if let Some(found) = found {
                self.last.store(place, Relaxed);
                return Ok(found);
            }
        }
        match round.second.take() {
            Some(found) => {
                self.last.store(found.place, Relaxed);
                Ok(found)
            }
            None => Err(round.failure()),
        }
    }

    /// Whether the right server may be another one some day.
    pub(super) fn may_move(&self) -> bool {
        self.each.len() > 1 && self.target != Some(TargetSession::Any)
    }

    /// Whether another server than the one in that place takes writes: then it is the right one from
    /// now on.
    pub(super) async fn have_moved_from(&self, place: usize, patience: Duration) -> bool {
        let others: Vec<usize> = (0..self.each.len()).filter(|n| *n != place).collect();
        let mut round = Round {
            deadline: Instant::now() + patience,
            each_within: self.each_within,
            second: None,
            failures: Vec::new(),
        };
        for (tried, other) in others.iter().enumerate() {
            let found = self.try_server(&mut round, *other, others.len() - tried);
            if found.await.is_some() {
                self.last.store(*other, Relaxed);
                return true;
            }
        }
        false
    }

    async fn try_server(&self, round: &mut Round, place: usize, left: usize) -> Option<Found> {
        let options = &self.each[place];
        let until = round.share(left);
        let candidates = match timeout_at(until, addresses(options)).await {
            Ok(Ok(candidates)) => candidates,
            Ok(Err(error)) => {
                round.failed(options, StoreError::Unavailable(error.to_string()));
                return None;
            }
            Err(_) => {
                round.failed(options, late());
                return None;
            }
        };
        // Nothing is to be chosen from.
        let only = self.each.len() == 1 && candidates.len() == 1 && self.target.is_none();
        let count = candidates.len();
        for (tried, candidate) in candidates.into_iter().enumerate() {
            let until = round.share(left + count - 1 - tried);
            let attempt = self.attempt(&candidate, only);
            let (fit, connection) = match timeout_at(until, attempt).await {
                Ok(Ok(made)) => made,
                Ok(Err(error)) => {
                    round.failed(&candidate, error);
                    continue;
                }
                Err(_) => {
                    round.failed(&candidate, late());
                    continue;
                }
            };
            let found = Found {
                connection,
                options: candidate,
                place,
            };
            match fit {
                Fit::Right => return Some(found),
                Fit::Second => {
                    round.second.get_or_insert(found);
                }
                Fit::Wrong(why) => {
                    round.failed(&found.options, StoreError::Unavailable(why.into()));
                }
            }
        }
        None
    }

    async fn attempt(
        &self,
        options: &PgConnectOptions,
        only: bool,
    ) -> Result<(Fit, PgConnection), StoreError> {
        let connecting = PgConnection::connect_with(options);
        let mut connection = connecting.await.map_err(pg_url::unreachable)?;
        if only || self.target == Some(TargetSession::Any) {
            return Ok((Fit::Right, connection));
        }
        let role = sqlx::raw_sql(ROLE).fetch_one(&mut connection);
        let role = role.await.map_err(pg_url::unreachable)?;
        let fit = fit(self.target, role_of(&role)?);
        Ok((fit, connection))
    }
}

/// What a server says of itself.
#[derive(Debug, Clone, Copy)]
struct Role {
    standby: bool,
    read_only: bool,
}

fn role_of(row: &sqlx::postgres::PgRow) -> Result<Role, sqlx::Error> {
    use sqlx::Row;
    Ok(Role {
        standby: row.try_get("standby")?,
        read_only: row.try_get("read_only")?,
    })
}

fn fit(target: Option<TargetSession>, role: Role) -> Fit {
    const TAKES_NONE: &str = "it takes no writes";
    let right_if = |is_so: bool, otherwise: Fit| if is_so { Fit::Right } else { otherwise };
    match target {
        None => right_if(!role.read_only, Fit::Second),
        Some(TargetSession::Any) => Fit::Right,
        Some(TargetSession::ReadWrite) => right_if(!role.read_only, Fit::Wrong(TAKES_NONE)),
        Some(TargetSession::ReadOnly) => right_if(role.read_only, Fit::Wrong("it takes writes")),
        Some(TargetSession::Primary) => right_if(!role.standby, Fit::Wrong("it is a standby")),
        Some(TargetSession::Standby) => right_if(role.standby, Fit::Wrong("it is no standby")),
        Some(TargetSession::PreferStandby) => right_if(role.standby, Fit::Second),
    }
}

fn late() -> StoreError {
    StoreError::Unavailable("no connection in time".into())
}

impl Round {
    /// Until when the next of so many may be tried.
    fn share(&self, left: usize) -> Instant {
        let now = Instant::now();
        let left = u32::try_from(left).unwrap_or(u32::MAX).max(1);
        let share = self.deadline.saturating_duration_since(now) / left;
        now + self.each_within.unwrap_or(share)
    }

    fn failed(&mut self, options: &PgConnectOptions, error: StoreError) {
        let place = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        self.failures.push((place, error));
    }

    /// What waiting cannot mend is told as such only where it is so of all.
    fn failure(mut self) -> StoreError {
        if self.failures.len() == 1 {
            return self.failures.remove(0).1;
        }
        let is_away = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
        if !self.failures.iter().any(|(_, error)| is_away(error)) {
            return self.failures.pop().map_or_else(late, |(_, error)| error);
        }
        let each = self.failures.iter().map(|(place, error)| {
            let why = match error {
                StoreError::Unavailable(why) => why.clone(),
                error => error.to_string(),
            };
            format!("{place}: {why}")
        });
        let each: Vec<String> = each.collect();
        StoreError::Unavailable(format!("none of its servers will do: {}", each.join("; ")))
    }
}

/// The ways to one server: what its name stands for now. With TLS the name is asked for first,
/// since a proxy may need it, and alone where it is verified.
async fn addresses(options: &PgConnectOptions) -> std::io::Result<Vec<PgConnectOptions>> {
    let host = options.get_host();
    let is_named =
        options.get_socket().is_none() && !host.starts_with('/') && host.parse::<IpAddr>().is_err();
    if !is_named || matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        return Ok(vec![options.clone()]);
    }
    let found = tokio::net::lookup_host((host, options.get_port())).await?;
    let found: Vec<SocketAddr> = found.collect();
    let by_address = |address: &SocketAddr| options.clone().host(&address.ip().to_string());
    Ok(match (&found[..], options.get_ssl_mode()) {
        ([] | [_], _) => vec![options.clone()],
        (all, PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer) => {
            all.iter().map(by_address).collect()
        }
        (all, _) => {
            let by_name = std::iter::once(options.clone());
            by_name.chain(all.iter().map(by_address)).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: Role = Role {
        standby: false,
        read_only: false,
    };
    const STANDBY: Role = Role {
        standby: true,
        read_only: true,
    };
    /// A primary that an operator set to take no writes.
    const CLOSED: Role = Role {
        standby: false,
        read_only: true,
    };

    #[test]
    fn a_server_fits_as_it_does_for_libpq() {
        use TargetSession::{Any, PreferStandby, Primary, ReadOnly, ReadWrite, Standby};
        let fits = |target, role| match fit(target, role) {
            Fit::Right => 'r',
            Fit::Second => '2',
            Fit::Wrong(_) => 'w',
        };
        for (target, wanted) in [
            (None, "r22"),
            (Some(Any), "rrr"),
            (Some(ReadWrite), "rww"),
            (Some(ReadOnly), "wrr"),
            (Some(Primary), "rwr"),
            (Some(Standby), "wrw"),
            (Some(PreferStandby), "2r2"),
        ] {
            let of_each = [PRIMARY, STANDBY, CLOSED].map(|role| fits(target, role));
            assert_eq!(String::from_iter(of_each), wanted, "{target:?}");
        }
    }

    #[test]
    fn time_is_shared_by_those_that_are_left() {
        let round = |each_within| Round {
            deadline: Instant::now() + Duration::from_secs(60),
            each_within,
            second: None,
            failures: Vec::new(),
        };
        let within = |until: Instant| until.saturating_duration_since(Instant::now());
        assert!(within(round(None).share(3)) <= Duration::from_secs(20));
        assert!(within(round(None).share(1)) > Duration::from_secs(20));
        let each = round(Some(Duration::from_secs(600)));
        assert!(within(each.share(3)) > Duration::from_secs(60));
    }

    #[test]
    fn what_waiting_may_mend_is_not_told_as_a_wrong_url() {
        let options = PgConnectOptions::new_without_pgpass().host("h").port(5);
        let failure = |errors: &[StoreError]| {
            let mut round = Round {
                deadline: Instant::now(),
                each_within: None,
                second: None,
                failures: Vec::new(),
            };
            errors
                .iter()
                .for_each(|e| round.failed(&options, e.clone()));
            round.failure()
        };
        let wrong = StoreError::Unsupported("wrong password".into());
        let away = StoreError::Unavailable("gone".into());
        assert!(matches!(
            failure(&[wrong.clone(), wrong.clone()]),
            StoreError::Unsupported(_)
        ));
        let told = failure(&[away.clone(), wrong]).to_string();
        assert!(told.contains("h:5: gone; h:5: wrong password"), "{told}");
        assert!(failure(&[away]).to_string().ends_with(": gone"));
    }
}
