//! Whether the files that this process writes to are still those that others find.
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::RwLock;

use crate::store::StoreError;
use crate::store::embedded::Witness;

/// Asked before everything that is read or written; says once when the answer changes.
pub(super) struct Files {
    witness: RwLock<Witness>,
    gone: AtomicBool,
}

impl Files {
    pub(super) fn of(witness: Witness) -> Self {
        Self {
            witness: RwLock::new(witness),
            gone: AtomicBool::new(false),
        }
    }

    /// They were opened again by a new connection, which makes those beside the main one anew.
    pub(super) fn again(&self, witness: Witness) {
        *self.witness.write() = witness;
    }

    /// Before reading. What else is missing is found by the sweep, which asks for all.
    pub(super) fn main(&self) -> Result<(), StoreError> {
        if self.gone.load(Relaxed) {
            self.all()
        } else {
            self.told(self.witness.read().main())
        }
    }

    /// Before writing.
    pub(super) fn all(&self) -> Result<(), StoreError> {
        self.told(self.witness.read().all())
    }

    fn told(&self, found: Result<(), StoreError>) -> Result<(), StoreError> {
        let before = self.gone.swap(found.is_err(), Relaxed);
        match &found {
            Err(error) if !before => {
                tracing::error!(%error, runbook = "restore-backup", "the database is gone");
            }
            Ok(()) if before => tracing::info!("the database is back in its place"),
            _ => {}
        }
        found
    }
}
