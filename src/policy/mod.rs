//! Authorization: which role may do which action in which room. One table, without I/O. `chat::act` asks it for every
//! command, and nothing else asks it.
mod action;
mod overrides;
mod scope;
mod standing;
mod table;
#[cfg(test)]
mod tests;

pub use action::Action;
pub use overrides::{Overrides, OverridesError};
pub use scope::{Scope, Scopes, ScopesError, scope_of};
pub use standing::{Restricted, Standing};
pub use table::{Admission, Denied, allow, allow_on, usual};
