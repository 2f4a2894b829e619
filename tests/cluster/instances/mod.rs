//! The instances of a folder as an operator has them: real processes that are started, stopped,
//! looked at and replaced by the real program, and that no other process is taken for.

mod deployment;
mod drill;
mod folder;
mod killed;
mod load;
mod logs;
mod reload;
mod roll;
mod signals;
mod start;
mod strangers;
mod systemd;
