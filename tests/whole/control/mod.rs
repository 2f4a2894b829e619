//! What an operator does to a running instance: the real program asks a real server.
mod connections;
mod drain;
mod log_level;
mod operator;
mod owner;
