//! Randomness as a value: the only place that asks the operating system for it, so that a test
//! can say which numbers come.
use std::io;
use std::time::Duration;

/// Bits that no one can foresee: for secrets, and for names that nothing else has.
///
/// # Errors
/// Where the operating system has none.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A number for a name.
///
/// # Errors
/// As [`bytes`].
pub fn number() -> io::Result<u64> {
    bytes().map(u64::from_le_bytes)
}

/// From 0 to 1, good enough to spread things in time. Without random numbers it is 1: all wait
/// the longest, which is slower and not wrong.
pub fn share() -> f64 {
    number().map_or(1.0, |number| number as f64 / u64::MAX as f64)
}

/// From `least` to `most`, so that many do not come all at once.
pub fn between(least: Duration, most: Duration) -> Duration {
    least + most.saturating_sub(least).mul_f64(share())
}

#[cfg(not(test))]
use system as fill;

#[allow(clippy::disallowed_methods, reason = "this is the one place")]
fn system(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(io::Error::from)
}

#[cfg(test)]
thread_local! {
    static SEEDED: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

/// From now on, all numbers of this thread follow from `seed`.
#[cfg(test)]
pub(crate) fn seed(seed: u64) {
    SEEDED.set(Some(seed));
}

#[cfg(test)]
fn fill(bytes: &mut [u8]) -> io::Result<()> {
    let Some(mut state) = SEEDED.get() else {
        return system(bytes);
    };
    for byte in bytes {
        // Constants of Knuth's MMIX.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        *byte = (state >> 56) as u8;
    }
    SEEDED.set(Some(state));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seeded_comes_again() {
        let ten = |from| {
            seed(from);
            (0..10)
                .map(|_| number().expect("seeded"))
                .collect::<Vec<_>>()
        };
        assert_eq!(ten(7), ten(7));
        assert_ne!(ten(7), ten(8));
        let (least, most) = (Duration::from_millis(20), Duration::from_millis(30));
        let spread: Vec<_> = (0..100).map(|_| between(least, most)).collect();
        assert!(spread.iter().all(|time| (least..=most).contains(time)));
        assert!(spread.iter().min() < spread.iter().max());
        assert_eq!(between(most, least), most);
    }

    #[test]
    fn what_is_not_seeded_does_not() {
        assert_ne!(
            bytes::<16>().expect("there are some"),
            bytes::<16>().expect("there are some")
        );
    }
}
