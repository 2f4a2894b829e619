//! Search as an operator does it: over the database, whether instances run or not.
mod find;

pub use find::{Asked, FindError, Found, find};
