//! Time, as a value that tests can hold still.
