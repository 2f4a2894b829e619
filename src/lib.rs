//! A chat server in which the database is the log and everything else is a hurry-up.

/// An enum each of whose values has a name, which is part of an interface.
macro_rules! named {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident { $($(#[$of:meta])* $Value:ident => $text:literal,)+ }
    ) => {
        $(#[$meta])*
        pub enum $Name { $($(#[$of])* $Value),+ }

        impl $Name {
            pub const ALL: &'static [Self] = &[$(Self::$Value),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$Value => $text),+ }
            }
        }
    };
}

pub mod archive;
pub mod auth;
pub mod bus;
pub mod chat;
pub mod client;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod index;
pub mod meter;
pub mod model;
pub mod ops;
pub mod policy;
pub mod private;
pub mod process;
pub mod random;
mod regular;
pub mod search;
pub mod server;
pub mod store;
pub mod tls;
pub mod transport;
