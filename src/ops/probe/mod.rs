//! One look at each kind of server that a deployment consists of, with typed results. What a
//! result means is for the one who looks: the doctor, health, the monitor and the roll judge.
pub mod instance;
