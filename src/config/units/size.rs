//! Sizes: `64KiB`, `5MB`.
use std::fmt;
use std::str::FromStr;

use super::{NotAllowed, as_json, number_and_unit, scale, write_scaled};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    const ALLOWED: NotAllowed =
        NotAllowed("a size such as \"64KiB\", \"5MB\", \"256MiB\" or a number of bytes");
    const UNITS: [(&'static str, u64); 9] = [
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("KB", 1_000),
        ("B", 1),
    ];

    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }
    pub const fn mb(n: u64) -> Self {
        Self(n * 1_000_000)
    }
    pub const fn gb(n: u64) -> Self {
        Self(n * 1_000_000_000)
    }
    pub const fn bytes(self) -> u64 {
        self.0
    }
    /// For sizes of buffers.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = NotAllowed;

    fn from_str(text: &str) -> Result<Self, NotAllowed> {
        let (number, unit) = number_and_unit(text).ok_or(Self::ALLOWED)?;
        let unit = if unit.is_empty() { "B" } else { unit };
        scale(number, unit, &Self::UNITS)
            .map(Self)
            .ok_or(Self::ALLOWED)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0B");
        }
        write_scaled(f, self.0, &Self::UNITS)
    }
}

as_json!(ByteSize, |number| number.as_u64().map(ByteSize));
