//! What of a configuration a running instance can follow, and what has to wait for its next start.
use super::settings::{Config, Limits, Log, Tls};

/// What a configuration that was read again means for an instance that runs with another.
#[derive(Debug, Clone, PartialEq)]
pub struct Follow {
    /// What holds from now on: valid, since the configuration that was read is.
    pub config: Config,
    /// The keys that change by that.
    pub changed: Vec<String>,
    /// The keys that are set otherwise, and hold from the next start on.
    pub waiting: Vec<String>,
}

impl Config {
    /// This, as an instance that runs with it can follow `read`.
    pub fn follow(&self, read: &Self) -> Follow {
        // Everything else is opened, bound or handed out at the start.
        let config = Self {
            access: read.access.clone(),
            limits: Limits {
                uncounted: self.limits.uncounted.clone(),
                ..read.limits.clone()
            },
            retention: read.retention.clone(),
            archive: read.archive.clone(),
            backup: read.backup.clone(),
            thresholds: read.thresholds.clone(),
            drain: read.drain.clone(),
            http: read.http.clone(),
            cors: read.cors.clone(),
            proxy: read.proxy.clone(),
            tls: Tls {
                cert: read.tls.cert.clone(),
                key: read.tls.key.clone(),
                ..self.tls.clone()
            },
            log: Log {
                format: self.log.format,
                ..read.log.clone()
            },
            ..self.clone()
        };
        Follow {
            changed: self.differing(&config),
            waiting: config.differing(read),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ByteSize, LogFormat, LogLevel, tree};
    use serde::Deserialize;
    use serde_json::{Value, json};

    /// The default with another value of `key`, whatever may stand there.
    fn with_another(key: &str) -> Config {
        let default = tree::of(&Config::default());
        let is = tree::leaf(&default, key);
        let number = is.as_u64().map(|n| json!(n + 1));
        let texts = [
            "7s",
            "7%",
            "7MB",
            "error",
            "text",
            "0 4 * * *",
            "::1",
            "open",
        ];
        let urls = ["sqlite://a.db", "redis://a", "file:a", "https://a", "a"];
        let texts = texts.into_iter().chain(urls).map(Value::from);
        let others = [
            json!(!is.as_bool().unwrap_or(false)),
            json!(["10.0.0.0/8"]),
            json!(7),
        ];
        let values = number.into_iter().chain(others).chain(texts);
        let config = |value: Value| {
            let mut other = default.clone();
            *tree::at(&mut other, key)? = value;
            let config = Config::deserialize(&other).ok()?;
            (config != Config::default()).then_some(config)
        };
        let mut configs = values.filter_map(config);
        configs.next().unwrap_or_else(|| panic!("no other {key}"))
    }

    #[test]
    fn the_page_names_each_key_that_needs_a_restart() {
        let page = include_str!("../../docs/configuration.md");
        let list = page.split_once("**Need a restart:**").expect("the list").1;
        let list = list.split_once(". ").expect("its end").0;
        let told: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        let all = tree::leaves(&tree::of(&Config::default())).into_iter();
        let default = Config::default();
        let waits = all.map(|(key, _)| key).filter(|key| {
            let waiting = default.follow(&with_another(key)).waiting;
            assert!(
                waiting.is_empty() || waiting == [key.as_str()],
                "{waiting:?}"
            );
            !waiting.is_empty()
        });
        let mut waits: Vec<String> = waits.collect();
        waits.sort();
        let mut told: Vec<String> = told.into_iter().map(str::to_owned).collect();
        told.sort();
        assert_eq!(told, waits);
    }

    #[test]
    fn what_can_change_does_and_the_rest_is_named() {
        let running = Config::default();
        assert_eq!(running.follow(&running).changed, [""; 0]);
        let mut read = running.clone();
        read.limits.burst = 7;
        read.limits.uncounted = vec!["10.0.0.0/8".into()];
        read.log.level = LogLevel::Debug;
        read.log.format = LogFormat::Json;
        read.log.rotate_size = ByteSize::mb(1);
        read.tcp_port = Some(9_009);
        read.http.hosts = vec!["chat.example".into()];
        let Follow {
            config,
            changed,
            waiting,
        } = running.follow(&read);
        let live = ["http.hosts", "limits.burst", "log.level", "log.rotate_size"];
        assert_eq!(changed, live);
        assert_eq!(waiting, ["limits.uncounted", "log.format", "tcp_port"]);
        assert_eq!((config.limits.burst, config.tcp_port), (7, Some(9_001)));
        // What waits is named as long as it does.
        let again = config.follow(&read);
        assert_eq!((again.changed.len(), again.waiting), (0, waiting));
    }
}
