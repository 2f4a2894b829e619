//! Which server of a Cluster has which channels (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).
use redis::Value;

use super::error::LinkError;
use crate::model::url::redis::Node;

/// Slots over which the channels of a Cluster are spread.
const SLOTS: usize = 1 << 14;

/// The primary of each slot, by its place among the primaries.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<u16>);

impl Slots {
    /// Of the answer to `CLUSTER SLOTS`: the primaries, and what each has. `asked` is the host
    /// that answered, which a Cluster need not name.
    ///
    /// # Errors
    /// Where that is no such answer, or a slot has no server.
    pub(super) fn read(answer: Value, asked: &str) -> Result<(Vec<Node>, Self), LinkError> {
        let (mut primaries, mut owners) = (Vec::new(), vec![None; SLOTS]);
        let Value::Array(ranges) = answer else {
            return Err(LinkError::NoCluster);
        };
        for range in ranges {
            let (first, last, node) = part(&range, asked).ok_or(LinkError::NoCluster)?;
            let place = primaries.iter().position(|known| *known == node);
            let place = place.unwrap_or_else(|| {
                primaries.push(node);
                primaries.len() - 1
            });
            let place = u16::try_from(place).map_err(|_| LinkError::NoCluster)?;
            let slots = owners.get_mut(first..=last).ok_or(LinkError::NoCluster)?;
            slots.fill(Some(place));
        }
        let missing = owners.iter().filter(|owner| owner.is_none()).count();
        match owners.into_iter().collect() {
            Some(owners) => Ok((primaries, Self(owners))),
            None => Err(LinkError::Uncovered(missing)),
        }
    }

    /// Which primary has that channel; the only one where there are no slots.
    pub(super) fn of(&self, channel: &str) -> usize {
        let place = self.0.get(slot(channel.as_bytes()));
        place.map_or(0, |place| usize::from(*place))
    }
}

/// `[first, last, [host, port, …], …]`, the primary before its replicas.
fn part(range: &Value, asked: &str) -> Option<(usize, usize, Node)> {
    let Value::Array(parts) = range else {
        return None;
    };
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(primary),
        ..,
    ] = &parts[..]
    else {
        return None;
    };
    let [host, Value::Int(port), ..] = &primary[..] else {
        return None;
    };
    let host = match host {
        Value::BulkString(host) if !host.is_empty() => String::from_utf8(host.clone()).ok()?,
        Value::BulkString(_) | Value::Nil => asked.to_owned(),
        _ => return None,
    };
    let port = u16::try_from(*port).ok()?;
    let slot = |slot: &i64| usize::try_from(*slot).ok();
    Some((slot(first)?, slot(last)?, Node { host, port }))
}

/// CRC-16/XMODEM of the name, or of what stands in its first pair of braces.
fn slot(channel: &[u8]) -> usize {
    let tag = channel.iter().position(|b| *b == b'{').and_then(|open| {
        let rest = &channel[open + 1..];
        let close = rest.iter().position(|b| *b == b'}')?;
        Some(&rest[..close]).filter(|tag| !tag.is_empty())
    });
    let crc = tag.unwrap_or(channel).iter().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            let carry = crc & 0x8000 != 0;
            crc << 1 ^ if carry { 0x1021 } else { 0 }
        })
    });
    usize::from(crc) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let primary = Value::Array(vec![host, Value::Int(port), Value::Nil]);
        Value::Array(vec![Value::Int(first), Value::Int(last), primary])
    }

    fn host(name: &str) -> Value {
        Value::BulkString(name.into())
    }

    #[test]
    fn a_channel_belongs_to_a_slot() {
        // As `CLUSTER KEYSLOT` says.
        for (channel, wanted) in [
            ("123456789", 0x31C3),
            ("room:general", 11_563),
            ("a{room:general}b", 11_563),
            ("{}room", 1_178),
            ("", 0),
        ] {
            assert_eq!(slot(channel.as_bytes()), wanted, "{channel}");
        }
    }

    #[test]
    fn each_slot_has_a_server_or_there_is_no_cluster() {
        let whole = vec![
            range(0, 10_000, host("a"), 1),
            range(10_001, 12_000, Value::Nil, 2),
            range(12_001, 16_383, host("a"), 1),
        ];
        let (primaries, slots) = Slots::read(Value::Array(whole.clone()), "b").expect("whole");
        let names: Vec<_> = primaries.iter().map(Node::to_string).collect();
        assert_eq!(names, ["a:1", "b:2"]);
        assert_eq!((slots.of("room:general"), slots.of("")), (1, 0));
        let hole = Slots::read(Value::Array(whole[..2].to_vec()), "b");
        assert!(matches!(hole, Err(LinkError::Uncovered(4_383))));
        for bad in [
            Value::Nil,
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![range(0, 16_384, host("a"), 1)]),
            Value::Array(vec![range(-1, 5, host("a"), 1)]),
            Value::Array(vec![range(0, 5, host("a"), 70_000)]),
        ] {
            assert!(matches!(Slots::read(bad, ""), Err(LinkError::NoCluster)));
        }
        assert_eq!(Slots::default().of("room:general"), 0);
    }
}
