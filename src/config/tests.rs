//! Precedence, and what a wrong configuration is told.
use std::path::PathBuf;

use super::{Config, ConfigError, Loaded, Origin, Sources, layers::ENV_PREFIX, load, tree};

/// Loads a file of this text (a folder of its own each time), these variables and these flags.
fn configure(
    file: &str,
    env: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Loaded, Vec<String>> {
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("instance.json");
    std::fs::write(&path, file).expect("a file");
    let loaded = load(Sources {
        file: Some(path.clone()),
        env: own(env),
        overrides: own(flags),
    });
    let name = |text: String| text.replace(&*path.to_string_lossy(), "FILE");
    match loaded {
        Ok(loaded) => Ok(loaded),
        Err(ConfigError::Invalid { problems }) => {
            Err(problems.iter().map(|p| name(p.to_string())).collect())
        }
        Err(other) => Err(vec![name(other.to_string())]),
    }
}

fn problems(file: &str) -> Vec<String> {
    configure(file, &[], &[]).expect_err("problems")
}

#[test]
fn without_sources_everything_is_default() {
    let loaded = configure("{}", &[], &[]).expect("valid");
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.warnings.is_empty());
    assert!(
        loaded
            .entries()
            .iter()
            .all(|(_, _, origin)| **origin == Origin::Default)
    );
}

#[test]
fn the_stronger_source_wins_and_is_remembered() {
    let file =
        r#"{"tcp_port": 1, "http_port": 2, "limits": {"burst": 3}, "log": {"level": "warn"}}"#;
    let env = [
        ("DISCORDCTL_HTTP_PORT", "20"),
        ("DISCORDCTL_LIMITS_BURST", "30"),
    ];
    let Loaded {
        config, provenance, ..
    } = configure(file, &env, &[("limits.burst", "300")]).expect("valid");

    assert_eq!(
        (config.tcp_port, config.http_port, config.limits.burst),
        (Some(1), Some(20), 300)
    );
    assert_eq!(config.limits.messages_per_minute, 120);
    assert!(matches!(provenance.origin("tcp_port"), Origin::File(_)));
    assert_eq!(
        *provenance.origin("http_port"),
        Origin::Env("DISCORDCTL_HTTP_PORT".into())
    );
    assert_eq!(
        *provenance.origin("limits.burst"),
        Origin::Flag("--limits-burst".into())
    );
    assert_eq!(*provenance.origin("bind"), Origin::Default);
}

#[test]
fn an_instance_is_named_for_its_port_unless_it_has_a_name() {
    let id = |file| configure(file, &[], &[]).expect("valid").config.instance_id;
    assert_eq!(id(r#"{"tcp_port": 9007}"#), "instance-9007");
    assert_eq!(id(r#"{"tcp_port": 9007, "instance_id": "blue"}"#), "blue");
}

#[test]
fn a_variable_takes_the_type_of_its_key() {
    let env = [
        ("DISCORDCTL_INSTANCE_ID", "42"),
        ("DISCORDCTL_RETENTION_ARCHIVE_FIRST", "false"),
        (
            "DISCORDCTL_CORS_ORIGINS",
            "https://a.example, https://b.example",
        ),
        ("DISCORDCTL_LIMITS_LINE_BYTES", "4096"),
        ("DISCORDCTL_THRESHOLDS_HISTORY_HIT_RATE_WARNING", "97.5"),
        ("DISCORDCTL_REDIS_URL", ""),
        ("DISCORDCTL_CONFIG", "x"),
        ("DISCORDCTL_TEST_ANYTHING", "x"),
        ("PATH", "x"),
    ];
    let config = configure(r#"{"redis_url": "redis://h"}"#, &env, &[])
        .expect("valid")
        .config;
    assert_eq!(config.instance_id, "42");
    assert!(!config.retention.archive_first);
    assert_eq!(
        config.cors.origins,
        ["https://a.example", "https://b.example"]
    );
    assert_eq!(config.limits.line_bytes.bytes(), 4096);
    assert_eq!(config.thresholds.history_hit_rate.warning.get(), 97.5);
    assert_eq!(config.redis_url, None);
}

#[test]
fn no_two_keys_share_a_variable() {
    let leaves = tree::leaves(&tree::of(&Config::default()));
    let mut names: Vec<String> = leaves
        .iter()
        .map(|(key, _)| format!("{ENV_PREFIX}{}", key.replace('.', "_")))
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), leaves.len());
}

#[test]
fn every_problem_is_told_at_once() {
    let file = r#"{
        "tcp_prot": 9001, "http_port": 70000, "bind": "localhost", "per_room": 10,
        "limits": {"burts": 5, "line_bytes": "8K", "write_timeout": 60},
        "log": {"level": "loud"}, "history": 5, "session_ttl": "0s", "cors": {"origins": "*"},
        "retention": {"archive_first": "yes"}, "redis_url": "localhost:6379"
    }"#;
    insta::assert_snapshot!(problems(file).join("\n"));
}

#[test]
fn an_unknown_key_is_shown_without_its_power_over_a_terminal() {
    let told = problems(r#"{"limits.burst": 5, "\u001b[2J": 1}"#);
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn wrong_variables_and_flags_are_told_by_name() {
    let env = [
        ("DISCORDCTL_HTTP_PORTS", "1"),
        ("DISCORDCTL_TCP_PORT", "http"),
    ];
    let told = configure("{}", &env, &[("bind", "::g")]).expect_err("problems");
    insta::assert_snapshot!(told.join("\n"));
}

/// As Kubernetes sets them for a Service of our name, and others for theirs.
#[test]
fn a_variable_that_is_nobodys_key_is_a_warning_unless_it_is_mistyped() {
    let env = [
        ("DISCORDCTL_PORTS", "80"),
        ("DISCORDCTL_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("DISCORDCTL_SERVICE_HOST", "10.0.0.1"),
        ("DISCORDCTL_DEV_DIR", "/tmp/dev"),
        ("DISCORDCTL_CONFIG", "x.json"),
    ];
    let loaded = configure("{}", &env, &[]).expect("valid");
    let warned: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warned,
        ["PORTS", "PORT_80_TCP_ADDR", "SERVICE_HOST"]
            .map(|name| format!("DISCORDCTL_{name}: unknown variable, which is ignored"))
    );
    for name in [
        "DISCORDCTL_PORT",
        "DISCORDCTL_HTTP_PORT",
        "DISCORDCTL_TCP_PORT",
    ] {
        let loaded = configure("{}", &[(name, "tcp://10.0.0.1:80")], &[]).expect("valid");
        assert_eq!(loaded.config, Config::default());
        let told = loaded.warnings[0].to_string();
        assert!(told.contains("Kubernetes Service"), "{told}");
    }
    for (typo, meant) in [
        ("DISCORDCTL_TCPPORT", "DISCORDCTL_TCP_PORT"),
        ("DISCORDCTL_BNID", "DISCORDCTL_BIND"),
        ("DISCORDCTL_DB_URLS", "DISCORDCTL_DB_URL"),
        ("DISCORDCTL_DB_URI", "DISCORDCTL_DB_URL"),
        ("DISCORDCTL_CONFIGS", "DISCORDCTL_CONFIG"),
    ] {
        let told = configure("{}", &[(typo, "x")], &[]).expect_err("a typo");
        assert_eq!(
            told,
            [format!("{typo}: unknown variable; did you mean {meant}?")]
        );
    }
    let empty = configure("{}", &[("DISCORDCTL_ARCHIVE_SCHEDULE", "")], &[]);
    let told = empty.expect_err("nothing is meant by it").join("");
    assert!(told.contains("write \"off\""), "{told}");
}

#[test]
fn a_file_may_begin_with_a_byte_order_mark() {
    let loaded = configure("\u{feff}{\"tcp_port\": 7}", &[], &[]).expect("valid");
    assert_eq!(loaded.config.tcp_port, Some(7));
}

/// Whatever a URL is called by and whatever is wrong with it: nothing of its secret is told.
#[test]
fn no_error_about_a_url_shows_any_of_it() {
    for key in ["db_url", "redis_url", "archive.url"] {
        for url in [
            "postgres://u:S3CRET@h:port/db",
            "postgres://u:S3CR@ET@h/db",
            "postgres://h/db?S3CRET=x",
            "postgres://h/db?sslmode=S3CRET",
            "postgres://u:S3 CRET@h/db",
            "redis://:S3CRET@h,b:port",
            "redis+sentinel://:S3CRET@h",
            "redis://h?token=S3CRET",
            "s3://S3CRET:KEY@bucket/x",
            "mysql://u:S3CRET@h/db",
            "S3CRET://x",
            "S3CRET",
        ] {
            let told = configure("{}", &[], &[(key, url)])
                .expect_err(url)
                .join("\n");
            assert!(
                !told.contains("S3CR") && !told.contains("CRET"),
                "{key}: {told}"
            );
        }
    }
}

#[test]
fn what_is_no_object_of_settings_is_told() {
    insta::assert_snapshot!(
        [
            "",
            "[]",
            "{\"tcp_port\": 1,}",
            "{\"log\": {}, \"log\": {}}",
            "{} {}"
        ]
        .map(|file| problems(file).join("\n"))
        .join("\n")
    );
}

#[test]
fn settings_that_contradict_each_other_are_told() {
    let file = r#"{
        "tcp_port": 9001, "http_port": 9001, "instance_id": "../x", "data_dir": "",
        "history": {"per_room": 0}, "cors": {"origins": ["https://a.example/"]},
        "thresholds": {"queue_depth": {"warning": 600}, "history_hit_rate": {"critical": "99%"}}
    }"#;
    insta::assert_snapshot!(problems(file).join("\n"));
}

#[test]
fn variables_say_the_very_same() {
    let file = r#"{
        "db_url": "postgres://u:s3cret@h/db", "redis_url": "redis://:s3cret@h", "bind": "::1",
        "limits": {"line_bytes": "4KiB"}, "cors": {"origins": ["https://a.example", "*"]},
        "retention": {"schedule": "off"}, "thresholds": {"history_hit_rate": {"warning": "97.5%"}}
    }"#;
    for file in [file, "{}"] {
        let config = configure(file, &[], &[]).expect("valid").config;
        let variables = config.variables();
        let variables: Vec<_> = variables.iter().map(|(n, v)| (&**n, &**v)).collect();
        let again = configure("{}", &variables, &[]).expect("valid").config;
        assert_eq!(again, config);
    }
}

#[test]
fn a_wrong_schedule_is_told_with_its_place() {
    let file = r#"{
        "retention": {"schedule": "*/5 * * *"},
        "archive": {"schedule": "0 3 * * 9"}
    }"#;
    let env = [("DISCORDCTL_ARCHIVE_SCHEDULE", "0 25 * * *")];
    let told = configure(file, &env, &[]).expect_err("problems");
    insta::assert_snapshot!(told.join("\n"));
    let off = configure(r#"{"archive": {"schedule": "off"}}"#, &[], &[]).expect("valid");
    assert!(off.config.archive.schedule.is_off());
}

#[test]
fn free_ports_may_be_asked_for_twice() {
    assert!(configure(r#"{"tcp_port": 0, "http_port": 0}"#, &[], &[]).is_ok());
}

#[test]
fn a_doubtful_setting_is_a_warning() {
    let loaded = configure(r#"{"retention": {"keep_last": 5}}"#, &[], &[]).expect("valid");
    let keys: Vec<_> = loaded
        .warnings
        .iter()
        .filter_map(|w| w.key.as_deref())
        .collect();
    assert_eq!(keys, ["retention.keep_last"]);
}

#[test]
fn a_missing_file_is_not_an_invalid_one() {
    let sources = Sources {
        file: Some(PathBuf::from("/nowhere/instance.json")),
        env: [],
        overrides: Vec::new(),
    };
    assert!(matches!(load(sources), Err(ConfigError::Unreadable { .. })));
}

#[test]
fn no_password_is_ever_shown() {
    let url = "postgresql://u:s3cret@h/db";
    let loaded = configure(&format!(r#"{{"db_url": "{url}"}}"#), &[], &[]).expect("valid");
    assert_eq!(loaded.config.db_url.expose(), url);
    let shown = format!("{:?} {:?}", loaded.entries(), loaded);
    assert!(
        shown.contains("u:***@h") && !shown.contains("s3cret"),
        "{shown}"
    );

    for file in [
        r#"{"db_url": "mysql://u:s3cret@h/db"}"#,
        r#"{"db_url": "u:s3cret@h/db"}"#,
        r#"{"db_url": ["postgres://u:s3cret@h/db"]}"#,
        r#"{"tcp_port": "postgres://u:s3cret@h/db"}"#,
        r#"{"cors": {"origins": ["postgres://u:s3cret@h/db"]}}"#,
        r#"{"archive": {"url": "ftp://u:s3cret@h/db"}}"#,
    ] {
        let told = format!("{:?}", problems(file));
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn the_reference_names_every_key_and_its_default() {
    let shown = |value: &serde_json::Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    let leaves = tree::leaves(&tree::of(&Config::default()));
    let mut keys: Vec<String> = leaves
        .iter()
        .map(|(key, value)| format!("| `{key}` | `{}` |", shown(value)))
        .collect();
    let reference = include_str!("../../docs/configuration.md");
    // Others than keys, as forms of a URL, are in tables too.
    let is_key = |line: &&str| {
        let first = line
            .strip_prefix("| `")
            .and_then(|rest| rest.split('|').next());
        first.is_some_and(|first| !first.contains("://"))
    };
    let rows = reference.lines().filter(is_key);
    let mut documented: Vec<String> = rows
        .map(|row| row.split_inclusive('|').take(3).collect())
        .collect();
    keys.sort();
    documented.sort();
    assert_eq!(documented, keys);
}

#[test]
fn the_sample_files_are_valid() {
    for sample in [
        include_str!("../../config/instance1.json"),
        include_str!("../../config/instance2.json"),
        include_str!("../../config/instance3.json"),
        include_str!("../../config/server.json"),
    ] {
        configure(sample, &[], &[]).expect("valid");
    }
}
