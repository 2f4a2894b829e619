//! What requests cost. `docs/limits.md` lists them all, and a test holds the two together.

/// What a request costs its session and its address.
///
/// A message costs nothing, since messages have a limit of their own, and so has the beginning of
/// a session. A command over HTTP costs what it costs over lines, and its request besides. Probes
/// are free: an instance must not look dead because its network is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(u32);

impl Cost {
    pub const FREE: Self = Self(0);
    /// A read, or what asks for nothing that there is.
    pub const READ: Self = Self(1);
    /// Something that is gathered from many places.
    pub const LIST: Self = Self(5);
    /// Something that others are shown. The dearest: every limit lets at least one through.
    pub const SHOWN: Self = Self(20);

    pub fn units(self) -> u32 {
        self.0
    }

    /// That of one, and of `more` besides that each cost `each`.
    #[must_use]
    pub fn and(self, more: usize, each: Self) -> Self {
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        Self(self.0.saturating_add(each.0.saturating_mul(more)))
    }
}
