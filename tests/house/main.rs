//! The house itself: its structure, its documents and its command line. Fast, and without any server.
mod architecture;
mod cli;
mod docs;
