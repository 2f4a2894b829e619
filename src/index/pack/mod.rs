//! Packs: where words are.
mod mark;

pub use mark::Mark;
