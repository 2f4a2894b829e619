//! The access mode, as it follows the configuration.
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::Chat;
use crate::model::{Access, AccessMode, PlaintextLogin, Registration};

/// All of it in one, so that no request sees half of a change, and none waits for a lock.
#[derive(Debug)]
pub(super) struct LiveAccess(AtomicU8);

impl LiveAccess {
    pub(super) fn of(access: Access) -> Self {
        Self(AtomicU8::new(to_bits(access)))
    }

    fn get(&self) -> Access {
        of_bits(self.0.load(Relaxed))
    }

    pub(super) fn set(&self, access: Access) {
        self.0.store(to_bits(access), Relaxed);
    }
}

impl Chat {
    /// The access mode that holds now.
    pub fn access(&self) -> Access {
        self.access.get()
    }
}

fn to_bits(access: Access) -> u8 {
    let Access {
        mode,
        registration,
        plaintext_login,
    } = access;
    mode as u8 | (registration as u8) << 2 | (plaintext_login as u8) << 4
}

fn of_bits(bits: u8) -> Access {
    let at = |shift: u8| usize::from(bits >> shift & 3);
    Access {
        mode: AccessMode::ALL[at(0)],
        registration: Registration::ALL[at(2)],
        plaintext_login: PlaintextLogin::ALL[at(4)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_what_holds() {
        let live = LiveAccess::of(Access::OPEN);
        assert_eq!(live.get(), Access::OPEN);
        for mode in AccessMode::ALL.iter().copied() {
            for registration in Registration::ALL.iter().copied() {
                for plaintext_login in PlaintextLogin::ALL.iter().copied() {
                    let access = Access {
                        mode,
                        registration,
                        plaintext_login,
                    };
                    live.set(access);
                    assert_eq!(live.get(), access);
                }
            }
        }
    }
}
