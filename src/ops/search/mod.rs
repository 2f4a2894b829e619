//! Search as an operator does it: over the database, whether instances run or not.
mod find;
mod rebuild;

pub use find::{Asked, FindError, Found, find};
pub use rebuild::{Rebuilt, WriteError, rebuild};
