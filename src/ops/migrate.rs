//! Bringing a database's schema up, back, and out of trouble.
pub use crate::store::StoreError;
pub use crate::store::migrations::{
    MigrateError, Migrator, Patience, State, Status, Step, StepStatus, Taken,
};
