//! The database as jobs and operators' commands open it.
pub use crate::store::upkeep::{Held, Living, Run, RunId, Upkeep, look, open};
pub use crate::store::{Era, StoreError};
