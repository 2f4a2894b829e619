//! Who a client is, as far as that can be proved: passwords and how often they may be tried,
//! tokens and invite codes. Values and processor time; what is stored is stored by `chat`.
pub mod password;
pub mod secret;
pub mod throttle;
