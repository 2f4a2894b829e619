//! Which cause an error of the database has.
use super::StoreError;
use crate::model::Cause;

impl StoreError {
    pub fn cause(&self) -> Cause {
        match self {
            Self::Busy | Self::Locked(_) => Cause::DatabaseBusy,
            Self::Full(_) => Cause::DiskFull,
            Self::Missing(_) => Cause::NoDatabase,
            Self::Damaged(_) => Cause::DatabaseDamaged,
            Self::Gone(_) => Cause::DatabaseLost,
            Self::NotAllowed(_) => Cause::DatabaseDenies,
            Self::Schema(_) | Self::Refused(_) => Cause::SchemaUnfit,
            Self::Unavailable(_) | Self::Unknown(_) | Self::Unsupported(_) => Cause::DatabaseAway,
        }
    }

    /// The runbook that deals with its cause, where there is one.
    pub fn runbook(&self) -> Option<&'static str> {
        self.cause().runbook()
    }
}
