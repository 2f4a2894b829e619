//! Settings as a tree of JSON: reading it strictly, and reaching a value by its key path.
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::settings::Config;

/// A configuration as a tree; passwords are hidden by the types themselves.
pub(super) fn of(config: &Config) -> Value {
    serde_json::to_value(config).expect("a Config is plain JSON")
}

/// Every value that is no object, with its path (`limits.burst`).
pub(super) fn leaves(tree: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    collect(tree, "", &mut found);
    found
}

fn collect(tree: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match tree {
        Value::Object(entries) => {
            for (key, value) in entries {
                collect(value, &join(path, key), found);
            }
        }
        leaf => found.push((path.to_owned(), leaf.clone())),
    }
}

/// The path of `key` below `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The place of a path, if the tree has it.
pub(super) fn at<'a>(tree: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.')
        .try_fold(tree, |node, key| node.get_mut(key))
}

/// The value of a key that there is.
pub(super) fn leaf<'a>(tree: &'a Value, key: &str) -> &'a Value {
    let mut parts = key.split('.');
    let leaf = parts.try_fold(tree, |node, part| node.get(part));
    leaf.unwrap_or_else(|| panic!("there is no key {key}"))
}

/// Reads JSON in which a key comes twice as the mistake it is: plain `serde_json` keeps the
/// second `limits` section and forgets the first without a word.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = entries.next_element_seed(Strict)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format!("the key {key:?} is there twice")));
            }
            map.insert(key, entries.next_value_seed(Strict)?);
        }
        Ok(Value::Object(map))
    }
}
