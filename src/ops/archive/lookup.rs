//! One entry of a manifest, found without keeping the others: a large archive's has many.
use std::fmt;
use std::io::{BufReader, Read};

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::ArchiveError;
use super::manifest::{Entry, Manifest, PATH, SCHEMA};

impl Manifest {
    /// The entry of the document `path` in a manifest's text.
    pub fn find(text: impl Read, path: &str) -> Result<Option<Entry>, ArchiveError> {
        let mut json = serde_json::Deserializer::from_reader(BufReader::new(text));
        let found = Text(path).deserialize(&mut json);
        let (schema, entry) =
            found.map_err(|e| ArchiveError::damaged(PATH, format!("it cannot be read: {e}")))?;
        if schema == SCHEMA {
            Ok(entry)
        } else {
            Err(ArchiveError::damaged(PATH, format!("it is not '{SCHEMA}'")))
        }
    }
}

struct Text<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = (String, Option<Entry>);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = (String, Option<Entry>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut schema, mut entry) = (String::new(), None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "schema" => schema = map.next_value()?,
                "files" => entry = map.next_value_seed(Files(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok((schema, entry))
    }
}

struct Files<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Files<'_> {
    type Value = Option<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Files<'_> {
    type Value = Option<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of documents")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(entry) = list.next_element::<Entry>()? {
            if entry.path == self.0 {
                found = Some(entry);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_is_found_and_another_manifest_is_none() {
        let entry = |path: &str| {
            format!(
                r#"{{"path":"{path}","room":"a","room_id":1,"size":2,"count":1,"first_seq":1,
                "last_seq":1,"sha256":"00","archived_at":"x"}}"#
            )
        };
        let text = |schema: &str| {
            let (a, b) = (entry("a.json"), entry("b.json"));
            format!(r#"{{"schema":"{schema}","more":[1],"files":[{a},{b}]}}"#)
        };
        let good = text(SCHEMA);
        let find = |path: &str| Manifest::find(good.as_bytes(), path).expect("a manifest");
        assert_eq!(
            find("b.json").map(|entry| entry.path),
            Some("b.json".into())
        );
        assert_eq!(find("c.json"), None);
        assert!(Manifest::find(text("other/1").as_bytes(), "a.json").is_err());
        assert!(Manifest::find(&b"{}"[..], "a.json").is_err());
    }
}
