//! Durations, sizes and percentages as people write them.
mod duration;
mod percent;
mod size;

use std::fmt;

pub use duration::HumanDuration;
pub use percent::Percent;
pub use size::ByteSize;

/// A text that is no such value; says what is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct NotAllowed(pub &'static str);

/// A value that is written as its text, and read from that, or from a number where one says enough.
macro_rules! as_json {
    ($value:ty, $of_number:expr) => {
        impl serde::Serialize for $value {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $value {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                use serde::de::Error;
                use serde_json::{Number, Value};
                let of_number: fn(&Number) -> Option<Self> = $of_number;
                let of_number = |number| of_number(number).ok_or(Self::ALLOWED);
                match Value::deserialize(from)? {
                    Value::String(text) => text.parse().map_err(D::Error::custom),
                    Value::Number(number) => of_number(&number).map_err(D::Error::custom),
                    _ => Err(D::Error::custom(Self::ALLOWED)),
                }
            }
        }
    };
}
pub(super) use as_json;

/// `"90d"` is 90 and `"d"`.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok()?, unit))
}

fn scale(number: u64, unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

/// In the largest unit that loses nothing.
fn write_scaled(f: &mut fmt::Formatter<'_>, n: u64, units: &[(&str, u64)]) -> fmt::Result {
    match units.iter().find(|(_, factor)| n.is_multiple_of(*factor)) {
        Some((unit, factor)) => write!(f, "{}{unit}", n / factor),
        None => write!(f, "{n}"),
    }
}

#[cfg(test)]
mod tests;
