//! JSON that is one object with a long list, read to its end in constant memory.
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What is given each item, and may refuse it.
type OnItem<'f, T> = &'f mut dyn FnMut(T) -> Result<(), String>;

/// An object that has a text under one key, perhaps something under others, and a list under another; all other
/// keys say nothing.
pub(crate) struct Object<'f, T> {
    pub(crate) text: &'static str,
    pub(crate) perhaps: &'static [&'static str],
    pub(crate) list: &'static str,
    pub(crate) on_item: OnItem<'f, T>,
}

impl<'de, T: Deserialize<'de>> Object<'_, T> {
    /// Reads it to the end of `json`; returns what is under the keys.
    pub(crate) fn read<R: serde_json::de::Read<'de>>(
        self,
        mut json: serde_json::Deserializer<R>,
    ) -> serde_json::Result<(String, Vec<Option<Said>>)> {
        let texts = json.deserialize_map(self)?;
        json.end().map(|()| texts)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<'_, T> {
    type Value = (String, Vec<Option<Said>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a {} and its {}", self.text, self.list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut text, mut listed) = (None, false);
        let mut others = vec![None; self.perhaps.len()];
        while let Some(key) = map.next_key::<String>()? {
            if key == self.text {
                if text.replace(map.next_value()?).is_some() {
                    return Err(A::Error::duplicate_field(self.text));
                }
            } else if let Some(at) = self.perhaps.iter().position(|other| key == *other) {
                others[at] = Some(map.next_value()?);
            } else if key != self.list {
                map.next_value::<IgnoredAny>()?;
            } else if listed {
                return Err(A::Error::duplicate_field(self.list));
            } else {
                let (list, on_item) = (self.list, &mut *self.on_item);
                map.next_value_seed(Items { list, on_item })?;
                listed = true;
            }
        }
        if listed {
            let text = text.ok_or_else(|| A::Error::missing_field(self.text))?;
            Ok((text, others))
        } else {
            Err(A::Error::missing_field(self.list))
        }
    }
}

/// What stands under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    Number(u64),
}

impl Said {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrNumber)
    }
}

struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = Said;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Said, E> {
        Ok(Said::Text(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Said, E> {
        Ok(Said::Number(number))
    }
}

struct Items<'f, T> {
    list: &'static str,
    on_item: OnItem<'f, T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Items<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.list)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element()? {
            (self.on_item)(item).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
