//! Hashes passwords, as many at a time as there are cores and at the lowest priority, so that
//! however many log in, messages go first and memory is bounded.
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::hash::PasswordHash;
use crate::meter::Meters;
use crate::model::Password;
use crate::random;

/// So many may wait for a core. At some fifty hashings a second and core, the last of them waits
/// for a few seconds.
pub const MOST_WAITING: usize = 256;
/// No caller waits longer for a core.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// From when to when callers that were turned away may come again: spread, or all come at once.
const COME_AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(8));

/// Why a password was neither hashed nor checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many wait already, or the wait was too long.
    #[error("too many passwords wait to be checked; try again in {} seconds", after.as_secs())]
    Busy { after: Duration },
    /// The system has no memory, no thread or no random numbers.
    #[error("cannot hash a password: {0}")]
    Failed(String),
}

/// Where all passwords of an instance are hashed.
#[derive(Debug)]
pub struct Hasher {
    /// A permit is a hashing that runs.
    cores: Arc<Semaphore>,
    /// A permit is a caller that waits for one of `cores`.
    places: Semaphore,
    longest_wait: Duration,
    meters: Arc<Meters>,
}

impl Hasher {
    /// A hasher that uses all cores when nothing else wants them.
    pub fn new(meters: Arc<Meters>) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with(cores, MOST_WAITING, LONGEST_WAIT, meters)
    }

    fn with(cores: usize, places: usize, longest_wait: Duration, meters: Arc<Meters>) -> Self {
        Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Semaphore::new(places),
            longest_wait,
            meters,
        }
    }

    /// What to store of a password.
    ///
    /// # Errors
    /// Too many wait, or the system lacks what it takes.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let password = password.clone();
        self.run(move || PasswordHash::make(&password)).await
    }

    /// Whether `password` is the one that `stored` was made of. Where an account is not there, or
    /// has no password, `stored` is `None`: the answer is no, and takes as long as any other.
    ///
    /// # Errors
    /// As [`hash`](Self::hash).
    pub async fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        let password = password.clone();
        let stored = stored.cloned().unwrap_or_else(PasswordHash::of_nothing);
        self.run(move || stored.is_of(&password)).await
    }

    /// Runs `work` in a thread of its own. What was begun is finished and counted against the
    /// cores, also when the caller is gone.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, HashError> {
        let core = self.core().await?;
        let (sender, done) = oneshot::channel();
        let run = move || {
            yield_to_others();
            // The caller may be gone.
            let _ = sender.send(work());
            drop(core);
        };
        let spawned = thread::Builder::new().name("password".into()).spawn(run);
        spawned.map_err(|e| HashError::Failed(e.to_string()))?;
        let result = done.await;
        let result = result.unwrap_or_else(|_| Err("the thread ended".into()));
        result.map_err(HashError::Failed)
    }

    /// Waits for a core in the order of coming.
    async fn core(&self) -> Result<OwnedSemaphorePermit, HashError> {
        let busy = || HashError::Busy {
            after: random::between(COME_AGAIN.0, COME_AGAIN.1),
        };
        let _place = self.places.try_acquire().map_err(|_| busy())?;
        let _waiting = Waiting::begin(&self.meters);
        let core = Arc::clone(&self.cores).acquire_owned();
        let core = tokio::time::timeout(self.longest_wait, core).await;
        let core = core.map_err(|_| busy())?;
        core.map_err(|_| HashError::Failed("the hasher is closed".into()))
    }
}

/// Counts a caller among those that wait.
struct Waiting<'a>(&'a Meters);

impl<'a> Waiting<'a> {
    fn begin(meters: &'a Meters) -> Self {
        meters.passwords_waiting.add(1);
        Self(meters)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.passwords_waiting.add(-1);
    }
}

/// Gives this thread the lowest priority. On Linux a priority is a thread's; elsewhere it would be
/// the whole process's.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(error = %e, "cannot lower the priority of hashing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn typed(text: &str) -> Password {
        Password::from(text.to_owned())
    }

    fn hasher(cores: usize, places: usize, longest_wait: Duration) -> Hasher {
        Hasher::with(cores, places, longest_wait, Arc::default())
    }

    #[tokio::test]
    async fn a_password_is_checked_against_what_was_stored() {
        let hasher = Hasher::new(Arc::default());
        let stored = hasher.hash(&typed("one two three")).await.expect("hashed");
        let verify = |text, stored| hasher.verify(text, stored);
        let (right, wrong) = (typed("one two three"), typed("one two four"));
        assert_eq!(verify(&right, Some(&stored)).await, Ok(true));
        assert_eq!(verify(&wrong, Some(&stored)).await, Ok(false));
        assert_eq!(verify(&right, None).await, Ok(false));
        assert_eq!(hasher.meters.passwords_waiting.get(), 0);
    }

    #[tokio::test]
    async fn a_caller_without_a_place_is_told_when_to_come_again() {
        let hasher = Arc::new(hasher(1, 2, Duration::from_secs(60)));
        let running = Arc::clone(&hasher.cores).try_acquire_owned().expect("free");
        let waiting = || {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.verify(&typed("x"), None).await })
        };
        let both = [waiting(), waiting()];
        while hasher.meters.passwords_waiting.get() < 2 {
            tokio::task::yield_now().await;
        }
        let refused = hasher.verify(&typed("x"), None).await;
        let Err(HashError::Busy { after }) = refused else {
            panic!("{refused:?}");
        };
        assert!((COME_AGAIN.0..=COME_AGAIN.1).contains(&after));
        drop(running);
        for task in both {
            assert_eq!(task.await.expect("no panic"), Ok(false));
        }
        assert_eq!(hasher.meters.passwords_waiting.get(), 0);
    }

    #[tokio::test]
    async fn no_caller_waits_for_ever() {
        let hasher = hasher(1, 2, Duration::from_millis(10));
        let _running = Arc::clone(&hasher.cores).try_acquire_owned().expect("free");
        let refused = hasher.verify(&typed("x"), None).await;
        assert!(
            matches!(refused, Err(HashError::Busy { .. })),
            "{refused:?}"
        );
    }

    /// What was begun holds its core until it is done, or a flood of clients that hang up would
    /// run more than there are cores.
    #[tokio::test]
    async fn a_caller_that_leaves_frees_no_core() {
        let hasher = hasher(1, 2, Duration::from_secs(60));
        let (finish, may_finish) = std::sync::mpsc::channel::<()>();
        let work = move || may_finish.recv().map_err(|e| e.to_string());
        {
            let mut left = std::pin::pin!(hasher.run(work));
            let begun = futures_util::poll!(&mut left);
            assert!(begun.is_pending());
            assert_eq!(hasher.cores.available_permits(), 0);
        }
        assert_eq!(hasher.cores.available_permits(), 0);
        finish.send(()).expect("it runs");
        let core = tokio::time::timeout(Duration::from_secs(10), hasher.cores.acquire()).await;
        assert!(core.is_ok(), "the core is free when the work is done");
    }

    /// `cargo test --lib what_hashing_costs -- --ignored --nocapture`: how long checks take with
    /// an account, with a wrong password and without an account, and the memory of 200 at once.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "prints figures for a person to read"]
    async fn what_hashing_costs() {
        let (hasher, clock) = (Arc::new(Hasher::new(Arc::default())), SystemClock);
        let (right, wrong) = (typed("one two three"), typed("one two four"));
        let stored = hasher.hash(&right).await.expect("hashed");
        let cases = [
            ("right", &right, Some(&stored)),
            ("wrong", &wrong, Some(&stored)),
            ("no account", &wrong, None),
        ];
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..100 {
            for (of, (_, password, stored)) in cases.iter().enumerate() {
                let begun = clock.now();
                hasher.verify(password, *stored).await.expect("verified");
                times[of].push(clock.now() - begun);
            }
        }
        for (times, (what, ..)) in times.iter_mut().zip(cases) {
            times.sort();
            let (p5, p50, p95) = (times[5], times[50], times[95]);
            eprintln!("{what}: P5 {p5:.1?}, P50 {p50:.1?}, P95 {p95:.1?}");
        }
        let resident = |which: &str| {
            let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
            let line = status.lines().find(|line| line.starts_with(which));
            line.expect("a line").to_owned()
        };
        let (before, begun) = (resident("VmRSS"), clock.now());
        let logins = (0..200).map(|_| hasher.verify(&wrong, Some(&stored)));
        let answers = futures_util::future::join_all(logins).await;
        let all = clock.now() - begun;
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        let (most, after) = (resident("VmHWM"), resident("VmRSS"));
        eprintln!(
            "200 at once: {all:.1?}, {refused} refused; before {before}, most {most}, after {after}"
        );
    }
}
