//! Passwords: which ones are taken, how they are stored, and how many are hashed at a time.
mod common;
mod hash;
mod hasher;
mod rules;

pub use hash::{NotAHash, PasswordHash};
pub use hasher::{HashError, Hasher, MOST_WAITING};
pub use rules::{WeakPassword, check};
