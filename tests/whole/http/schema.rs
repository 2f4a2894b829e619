//! The part of JSON Schema that the API's description uses. A keyword that is not known here is
//! a fault, so that nothing in the description goes unchecked.
use regex::Regex;
use serde_json::{Map, Value};

/// Schemas with the document that their references point into.
#[derive(Clone, Copy)]
pub(crate) struct Schemas<'a> {
    pub(crate) document: &'a Value,
    /// Whether an object may have keys that its schema does not name. Clients must bear them;
    /// this server must not send them unannounced.
    pub(crate) strict: bool,
}

impl<'a> Schemas<'a> {
    /// What of `value` is not as `schema` says.
    pub(crate) fn faults(self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(schema, value, "", &mut faults);
        faults
    }

    /// What `#/…` points to.
    pub(crate) fn resolve(self, reference: &str) -> &'a Value {
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        let found = self.document.pointer(pointer);
        found.unwrap_or_else(|| panic!("{reference} points nowhere"))
    }

    fn check(self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Value::Object(schema) = schema else {
            panic!("{at}: no schema: {schema}")
        };
        for (keyword, wanted) in schema {
            let holds = match keyword.as_str() {
                "description" | "examples" | "default" | "format" | "contentMediaType" => true,
                "$ref" => {
                    let target = self.resolve(wanted.as_str().expect("a reference"));
                    self.check(target, value, at, faults);
                    true
                }
                "allOf" => {
                    // No part of it knows all keys.
                    let open = Self {
                        strict: false,
                        ..self
                    };
                    each(wanted).for_each(|part| open.check(part, value, at, faults));
                    true
                }
                "anyOf" => each(wanted).any(|part| self.faults(part, value).is_empty()),
                "oneOf" => {
                    let fitting = each(wanted).filter(|part| self.faults(part, value).is_empty());
                    fitting.count() == 1
                }
                "enum" => each(wanted).any(|one| one == value),
                "const" => wanted == value,
                "type" => match wanted {
                    Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                    one => is_of(one, value),
                },
                "required" | "properties" | "additionalProperties" => true,
                "items" => {
                    for (i, item) in each(value).enumerate() {
                        self.check(wanted, item, &format!("{at}/{i}"), faults);
                    }
                    true
                }
                "contentSchema" => match value.as_str().map(serde_json::from_str) {
                    Some(Ok(inner)) => self.faults(wanted, &inner).is_empty(),
                    Some(Err(_)) => false,
                    None => true,
                },
                "maxItems" => each(value).count() as f64 <= number(wanted),
                _ => scalar(keyword, wanted, value),
            };
            if !holds {
                faults.push(format!("{at}: {value} against {keyword} {wanted}"));
            }
        }
        if let Value::Object(value) = value {
            self.check_keys(schema, value, at, faults);
        }
    }

    fn check_keys(
        self,
        schema: &Map<String, Value>,
        value: &Map<String, Value>,
        at: &str,
        faults: &mut Vec<String>,
    ) {
        for name in schema.get("required").map(each).into_iter().flatten() {
            if !value.contains_key(name.as_str().expect("a key's name")) {
                faults.push(format!("{at}: lacks {name}"));
            }
        }
        let named = schema.get("properties").and_then(Value::as_object);
        for (key, value) in value {
            let at = format!("{at}/{key}");
            match named.and_then(|named| named.get(key)) {
                Some(wanted) => self.check(wanted, value, &at, faults),
                None => match schema.get("additionalProperties") {
                    Some(wanted) => self.check(wanted, value, &at, faults),
                    None if self.strict && named.is_some() => {
                        faults.push(format!("{at}: is not described"));
                    }
                    None => {}
                },
            }
        }
    }
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    }
}

/// Keywords that look at strings or numbers, and pass over anything else.
fn scalar(keyword: &str, wanted: &Value, value: &Value) -> bool {
    let text = value.as_str();
    let length = |holds: fn(f64, f64) -> bool| {
        text.is_none_or(|text| holds(text.chars().count() as f64, number(wanted)))
    };
    match keyword {
        "minimum" => value.as_f64().is_none_or(|n| n >= number(wanted)),
        "maximum" => value.as_f64().is_none_or(|n| n <= number(wanted)),
        "minLength" => length(|n, least| n >= least),
        "maxLength" => length(|n, most| n <= most),
        "pattern" => {
            let pattern = Regex::new(wanted.as_str().expect("a pattern")).expect("a regex");
            text.is_none_or(|text| pattern.is_match(text))
        }
        other => {
            panic!("the keyword {other} is not checked: teach it to tests/whole/http/schema.rs")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schemas;
    use serde_json::json;

    #[test]
    fn faults_are_found() {
        let document = json!({ "defs": { "Seq": { "type": "integer", "minimum": 1 } } });
        let schema = json!({
            "type": "object", "required": ["seq"],
            "properties": {
                "seq": { "$ref": "#/defs/Seq" },
                "kind": { "enum": ["a", "b"] },
                "tags": { "type": "array", "items": { "type": "string", "pattern": "^x" } },
            },
        });
        let schemas = Schemas {
            document: &document,
            strict: true,
        };
        let count = |value| schemas.faults(&schema, &value).len();
        assert_eq!(count(json!({ "seq": 1, "kind": "a", "tags": ["x"] })), 0);
        assert_eq!(count(json!({ "seq": 0, "kind": "c", "tags": ["y", 1] })), 4);
        assert_eq!(count(json!({ "more": true })), 2);
        assert_eq!(count(json!([])), 1);
    }
}
