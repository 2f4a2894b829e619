//! Lays the sources over the defaults, one setting at a time, and remembers which one won.
use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::problem::{ConfigError, Origin, Problem};
use super::settings::Config;
use super::{Loaded, allowed, check, defaults, suggest, tree};

/// What every variable that sets a key begins with.
pub const ENV_PREFIX: &str = "DISCORDCTL_";

/// Variables with that prefix that are no keys: the files to read, and the log filter.
const ENV_OTHERS: [&str; 4] = [
    "DISCORDCTL_CONFIG",
    "DISCORDCTL_CONFIG_DIR",
    "DISCORDCTL_DEV_DIR",
    "DISCORDCTL_LOG",
];
const ENV_TESTS: &str = "DISCORDCTL_TEST_";

/// What Kubernetes sets `<NAME>_PORT` to for a Service of that name: for one called
/// `discordctl-http` that is the very variable of `http_port`.
const OF_A_SERVICE: &str = "tcp://";

/// Which source each key's value came from.
#[derive(Debug, Clone, Default)]
pub struct Provenance(BTreeMap<String, Origin>);

impl Provenance {
    pub fn origin(&self, key: &str) -> &Origin {
        self.0.get(key).unwrap_or(&Origin::Default)
    }
}

/// The settings so far. They are a valid `Config` at every moment: whatever would make them
/// invalid is put among the problems instead.
pub(super) struct Layers {
    tree: Value,
    /// Every key path, in alphabetical order.
    keys: Vec<String>,
    /// Those that may be left without a value.
    nullable: Vec<String>,
    provenance: Provenance,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// Some editors begin a file with it (RFC 8259, section 8.1, lets a reader ignore it).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Layers {
    pub(super) fn new() -> Self {
        let tree = tree::of(&Config::default());
        let leaves = tree::leaves(&tree);
        let without = |key: &str| {
            let mut tree = tree.clone();
            *tree::at(&mut tree, key)? = Value::Null;
            Config::deserialize(&tree).ok()
        };
        let keys = leaves.iter().map(|(key, _)| key.clone());
        let nullable = keys.filter(|key| without(key).is_some()).collect();
        let keys = leaves.into_iter().map(|(key, _)| key).collect();
        Self {
            tree,
            keys,
            nullable,
            provenance: Provenance::default(),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn file(&mut self, path: &Path, bytes: &[u8]) {
        let origin = Origin::File(path.to_owned());
        match tree::parse(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)) {
            Ok(Value::Object(entries)) => self.object("", &entries, &origin),
            Ok(other) => {
                let message = format!(
                    "found {}, expected one JSON object: {{\"tcp_port\": 9001, …}}",
                    allowed::show(&other)
                );
                self.problem(&origin, None, message, None);
            }
            Err(error) => self.problem(&origin, None, format!("not valid JSON: {error}"), None),
        }
    }

    fn object(&mut self, path: &str, entries: &Map<String, Value>, origin: &Origin) {
        for (key, value) in entries {
            let path = tree::join(path, key);
            if key.contains('.') {
                // `{"limits.burst": 5}` would be a second way to write a section.
                self.unknown_key(&path, origin);
                continue;
            }
            match (tree::at(&mut self.tree, &path), value) {
                (None, _) => self.unknown_key(&path, origin),
                (Some(Value::Object(_)), Value::Object(entries)) => {
                    self.object(&path, entries, origin);
                }
                (Some(Value::Object(section)), other) => {
                    let keys: Vec<&str> = section.keys().map(String::as_str).collect();
                    let message = format!(
                        "found {}, expected an object with any of: {}",
                        allowed::show(other),
                        keys.join(", ")
                    );
                    self.problem(origin, Some(&path), message, None);
                }
                (Some(_), leaf) => self.set(&path, leaf, std::slice::from_ref(leaf), origin),
            }
        }
    }

    pub(super) fn env(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        let names: BTreeMap<String, String> = self
            .keys
            .iter()
            .map(|key| (env_name(key), key.clone()))
            .collect();
        let mut variables: Vec<(String, String)> = variables
            .into_iter()
            .filter(|(name, _)| name.starts_with(ENV_PREFIX) && !name.starts_with(ENV_TESTS))
            .filter(|(name, _)| !ENV_OTHERS.contains(&name.as_str()))
            .collect();
        // The order of an environment means nothing.
        variables.sort();
        for (name, text) in variables {
            if name.ends_with("_PORT") && text.starts_with(OF_A_SERVICE) {
                self.warnings.push(Problem {
                    origin: Origin::Env(name.escape_debug().to_string()),
                    key: None,
                    message: "the address of a Kubernetes Service, which is ignored".into(),
                    suggestion: None,
                });
            } else if let Some(key) = names.get(&name) {
                self.set_text(key, &text, &Origin::Env(name));
            } else {
                self.unknown_variable(name, names.keys().map(String::as_str));
            }
        }
    }

    /// Others set variables of that name too, as Kubernetes does for a Service that is called
    /// like this program: only what is a key but for one letter is surely a mistake.
    fn unknown_variable<'a>(&mut self, name: String, keys: impl Iterator<Item = &'a str>) {
        let known = keys.chain(ENV_OTHERS);
        let mistyped = suggest::mistyped(&name, known).map(str::to_owned);
        let problem = Problem {
            // A name may hold anything, also what would command a terminal.
            origin: Origin::Env(name.escape_debug().to_string()),
            key: None,
            message: "unknown variable".into(),
            suggestion: mistyped,
        };
        match &problem.suggestion {
            Some(_) => self.problems.push(problem),
            None => self.warnings.push(Problem {
                message: "unknown variable, which is ignored".into(),
                ..problem
            }),
        }
    }

    pub(super) fn flags(&mut self, overrides: Vec<(String, String)>) {
        for (key, text) in overrides {
            let origin = Origin::Flag(format!("--{}", key.replace(['.', '_'], "-")));
            if self.keys.contains(&key) {
                self.set_text(&key, &text, &origin);
            } else {
                self.unknown_key(&key, &origin);
            }
        }
    }

    /// A text that came without a type: taken as it stands if the key is a text, and otherwise
    /// as the JSON it spells, so `9001` can be a port and `a, b` a list.
    fn set_text(&mut self, key: &str, text: &str, origin: &Origin) {
        let found = Value::from(text);
        let mut readings = vec![found.clone()];
        match tree::at(&mut self.tree, key) {
            Some(Value::Array(_)) => readings = vec![list(text)],
            _ if text.is_empty() && self.nullable.iter().any(|nullable| nullable == key) => {
                readings = vec![Value::Null];
            }
            _ => readings.extend(serde_json::from_str::<Value>(text)),
        }
        self.set(key, &found, &readings, origin);
    }

    /// Takes the first reading with which the settings are still a `Config`.
    fn set(&mut self, key: &str, found: &Value, readings: &[Value], origin: &Origin) {
        let mut refusal = None;
        for reading in readings {
            let mut tree = self.tree.clone();
            let Some(place) = tree::at(&mut tree, key) else {
                return self.unknown_key(key, origin);
            };
            *place = reading.clone();
            match Config::deserialize(&tree) {
                Ok(_) => {
                    self.tree = tree;
                    self.provenance.0.insert(key.to_owned(), origin.clone());
                    return;
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        if let Some(error) = refusal {
            let secrets = Config::default();
            // Of one that cannot be read nothing is shown.
            let message = if secrets.secrets().iter().any(|(name, _)| *name == key) {
                allowed::explain_secret(found, &error)
            } else {
                allowed::explain(found, &error)
            };
            self.problem(origin, Some(key), message, None);
        }
    }

    fn unknown_key(&mut self, path: &str, origin: &Origin) {
        let meant = suggest::key(path, &self.keys);
        // A key may hold anything, also what would command a terminal.
        let path = path.escape_debug().to_string();
        self.problem(origin, Some(&path), "unknown key".into(), meant);
    }

    fn problem(
        &mut self,
        origin: &Origin,
        key: Option<&str>,
        message: String,
        suggestion: Option<String>,
    ) {
        self.problems.push(Problem {
            origin: origin.clone(),
            key: key.map(str::to_owned),
            message,
            suggestion,
        });
    }

    pub(super) fn finish(self) -> Result<Loaded, ConfigError> {
        let Self {
            tree,
            provenance,
            mut problems,
            mut warnings,
            ..
        } = self;
        let mut config = Config::deserialize(&tree).expect("kept valid by `set`");
        if *provenance.origin("instance_id") == Origin::Default {
            let first = config.listeners().first().map_or(0, |at| at.address.port());
            config.instance_id = defaults::instance_id(first);
        }
        problems.extend(check::errors(&config, &provenance));
        if !problems.is_empty() {
            return Err(ConfigError::Invalid { problems });
        }
        warnings.extend(check::warnings(&config, &provenance));
        Ok(Loaded {
            config,
            provenance,
            warnings,
        })
    }
}

/// `limits.burst` is `DISCORDCTL_LIMITS_BURST`.
pub(super) fn env_name(key: &str) -> String {
    let name = key.replace('.', "_").to_ascii_uppercase();
    format!("{ENV_PREFIX}{name}")
}

/// A value as a variable holds it.
pub(super) fn as_variable(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(entries) => {
            let entries: Vec<String> = entries.iter().map(as_variable).collect();
            entries.join(",")
        }
        other => other.to_string(),
    }
}

fn list(text: &str) -> Value {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .collect()
}
