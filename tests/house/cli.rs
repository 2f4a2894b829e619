//! The command line as a shell sees it: what it prints where, and how it ends.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// In a folder with `good.json`, `bad.json` and `broken.json`, 80 columns wide, with nothing of
/// the machine's environment.
fn discordctl(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_discordctl"));
    command
        .args(args)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/house/cli"))
        .env_clear()
        .env("COLUMNS", "80")
        .stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("discordctl runs")
}

/// Everything a person or a script would see of it.
fn session(args: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = output(&mut discordctl(args));
    let code = status.code().expect("an exit code");
    let mut session = format!("$ discordctl {}\n", args.join(" "));
    for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
        if !bytes.is_empty() {
            session += &format!("--- {name}\n{}", String::from_utf8(bytes).expect("UTF-8"));
        }
    }
    session + &format!("--- exit {code}")
}

fn exit_code(args: &[&str]) -> Option<i32> {
    output(&mut discordctl(args)).status.code()
}

#[test]
fn help_teaches() {
    insta::assert_snapshot!("help", session(&["--help"]));
    insta::assert_snapshot!("help_serve", session(&["serve", "--help"]));
    for command in [
        "start", "stop", "status", "restart", "archive", "replay", "cleanup", "jobs", "storage",
        "backup", "restore", "monitor", "runbook", "drill",
    ] {
        insta::assert_snapshot!(format!("help_{command}"), session(&[command, "--help"]));
    }
    insta::assert_snapshot!("help_exit_codes", session(&["help", "exit-codes"]));
}

#[test]
fn help_teaches_how_to_control_a_running_instance() {
    for command in ["connections", "disconnect", "drain", "undrain", "log-level"] {
        let name = format!("help_{}", command.replace('-', "_"));
        insta::assert_snapshot!(name, session(&[command, "--help"]));
    }
}

#[test]
fn an_instance_that_does_not_run_is_69_and_says_so() {
    insta::assert_snapshot!("not_running", session(&["drain", "--config", "good.json"]));
    let args = ["connections", "--config", "good.json", "-o", "json"];
    insta::assert_snapshot!("not_running_json", session(&args));
}

#[test]
fn a_wrong_command_line_is_64_and_says_what_was_meant() {
    insta::assert_snapshot!("unknown_command", session(&["serv"]));
    insta::assert_snapshot!("unknown_command_json", session(&["serv", "-o", "json"]));
    insta::assert_snapshot!("missing_command_json", session(&["-o", "json", "config"]));
    for args in [
        &[][..],
        &["config"],
        &["serve", "--tcp-port", "http"],
        &["config", "check"],
    ] {
        assert_eq!(exit_code(args), Some(64), "{args:?}");
    }
}

#[test]
fn config_check_tells_every_problem() {
    let files = ["good.json", "bad.json", "broken.json", "absent.json"];
    let args = [&["config", "check"], &files[..]].concat();
    insta::assert_snapshot!("config_check", session(&args));
    insta::assert_snapshot!(
        "config_check_json",
        session(&[&args[..], &["-o", "json"]].concat())
    );
    assert_eq!(exit_code(&["config", "check", "good.json"]), Some(0));
}

#[test]
fn config_show_tells_where_each_setting_comes_from() {
    let mut command = discordctl(&["config", "show", "--config", "good.json", "--bind", "::1"]);
    let shown = output(command.env("DISCORDCTL_LOG_LEVEL", "debug"));
    insta::assert_snapshot!("config_show", String::from_utf8_lossy(&shown.stdout));

    let shown = output(
        command
            .args(["-o", "json"])
            .env("DISCORDCTL_LOG_LEVEL", "debug"),
    );
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("one JSON object");
    assert_eq!(json["schema"], "discordctl.config-show/1");
    assert_eq!(json["config"]["tcp_port"], 9007);
    let level = json["settings"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|s| s["key"] == "log.level");
    let expected = serde_json::json!({
        "key": "log.level", "value": "debug", "source": "env", "from": "DISCORDCTL_LOG_LEVEL",
    });
    assert_eq!(level, Some(&expected));
}

/// In a folder without `config`, and with an instance that nobody started.
#[test]
fn health_tells_what_is_down_and_which_runbook_deals_with_it() {
    let health = ["health", "--config", "alone.json"];
    insta::assert_snapshot!("help_health", session(&["health", "--help"]));
    insta::assert_snapshot!("health", session(&health));
    for form in ["json", "nagios", "prometheus"] {
        let name = format!("health_{form}");
        insta::assert_snapshot!(name, session(&[&health[..], &["-o", form]].concat()));
    }
    insta::assert_snapshot!(
        "health_no_instances",
        session(&["health", "--config-dir", "."])
    );
    insta::assert_snapshot!(
        "no_such_form",
        session(&["config", "init", "x", "-o", "nagios"])
    );
    for args in [
        &["health", "--level", "6"][..],
        &["health", "--timeout", "soon"],
        &["health", "instance-1", "--config", "alone.json"],
    ] {
        assert_eq!(exit_code(args), Some(64), "{args:?}");
    }
}

#[test]
fn doctor_gives_a_fix_for_each_finding() {
    insta::assert_snapshot!("help_doctor", session(&["doctor", "--help"]));
    // What this machine has of disk and descriptors is not the same everywhere.
    let text = session(&["doctor", "--config", "bad.json"]);
    insta::assert_snapshot!("doctor_wrong_config", text);
    let ran = output(&mut discordctl(&[
        "doctor",
        "--config",
        "alone.json",
        "-o",
        "json",
    ]));
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("one JSON object");
    assert_eq!(report["schema"], "discordctl.doctor/1");
    let checks = report["checks"].as_array().expect("a list");
    for name in [
        "config",
        "instance files",
        "TCP port",
        "open files",
        "disk",
        "database",
    ] {
        assert!(checks.iter().any(|check| check["check"] == name), "{name}");
    }
    for check in checks {
        let well = check["level"] == "ok";
        assert_eq!(well, check["fix"].is_null(), "{check}");
    }
}

#[test]
fn a_wrong_configuration_is_78_and_a_missing_one_66() {
    insta::assert_snapshot!("serve_wrong", session(&["serve", "--config", "bad.json"]));
    insta::assert_snapshot!(
        "serve_missing",
        session(&["serve", "--config", "absent.json"])
    );
    insta::assert_snapshot!(
        "serve_wrong_json",
        session(&["serve", "--config", "bad.json", "-o", "json"])
    );
}

#[test]
fn a_wrong_variable_is_78_and_named() {
    for (name, value) in [
        ("DISCORDCTL_TCP_PROT", OsStr::new("9001")),
        ("DISCORDCTL_TCP_PORT", OsStr::new("http")),
        ("DISCORDCTL_DB_URL", OsStr::from_bytes(b"sqlite://\xff")),
    ] {
        let ended = output(discordctl(&["serve"]).env(name, value));
        assert_eq!(ended.status.code(), Some(78), "{name}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains(name));
    }
}

#[test]
fn config_init_writes_what_serve_reads_and_never_overwrites() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = || output(discordctl(&["config", "init", "new.json"]).current_dir(folder.path()));

    assert_eq!(init().status.code(), Some(0));
    let written = std::fs::read_to_string(folder.path().join("new.json")).expect("a file");
    let check = output(discordctl(&["config", "check", "new.json"]).current_dir(folder.path()));
    assert_eq!(String::from_utf8_lossy(&check.stdout), "new.json: right\n");

    std::fs::write(folder.path().join("new.json"), "mine").expect("a file");
    let again = init();
    assert_eq!(again.status.code(), Some(73));
    insta::assert_snapshot!("config_init_again", String::from_utf8_lossy(&again.stderr));
    let kept = std::fs::read_to_string(folder.path().join("new.json")).expect("a file");
    assert_eq!(kept, "mine");
    insta::assert_snapshot!("config_init", written);
}

#[test]
fn no_password_is_printed() {
    let url = "postgresql://chat:s3cret@db.example/chat";
    for args in [
        &["serve", "--help"][..],
        &["config", "show"],
        &["config", "show", "-o", "json"],
        &["config", "show", "--redis-url", url],
        &[
            "config",
            "show",
            "--db-url",
            "mysql://chat:s3cret@db.example",
        ],
        &["config", "show", url],
        &["config", "show", url, "-o", "json"],
        &["serve", "--tcp-port", url],
        &["config", "check", "bad.json", "good.json"],
    ] {
        let shown = output(discordctl(args).env("DISCORDCTL_DB_URL", url));
        let text = String::from_utf8_lossy(&[shown.stdout, shown.stderr].concat()).into_owned();
        assert!(
            !text.is_empty() && !text.contains("s3cret"),
            "{args:?}: {text}"
        );
    }
}

#[test]
fn colours_can_be_refused() {
    let coloured = |args: &[&str], variables: &[(&str, &str)]| {
        let variables = variables.iter().copied();
        let shown = output(discordctl(args).env("CLICOLOR_FORCE", "1").envs(variables));
        [shown.stdout, shown.stderr].concat().contains(&0x1b)
    };
    for args in [
        &["--help"][..],
        &["serv"],
        &["serve", "--config", "absent.json"],
    ] {
        assert!(coloured(args, &[]), "{args:?}");
        assert!(!coloured(args, &[("NO_COLOR", "1")]), "{args:?}");
        assert!(
            !coloured(&[args, &["--no-color"]].concat(), &[]),
            "{args:?}"
        );
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for args in [
        &["completion", "bash"][..],
        &["man"],
        &["config", "show"],
        &["--help"],
    ] {
        let mut command = discordctl(args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("discordctl runs");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!(
            (ended.status.code(), ended.stderr),
            (Some(0), Vec::new()),
            "{args:?}"
        );
    }
}

#[test]
fn completion_and_manual_pages_are_complete() {
    for shell in ["bash", "zsh", "fish"] {
        let script = output(&mut discordctl(&["completion", shell])).stdout;
        assert!(
            String::from_utf8_lossy(&script).contains("config"),
            "{shell}"
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().to_str().expect("UTF-8");
    assert_eq!(exit_code(&["man", "--dir", dir]), Some(0));
    for page in [
        "discordctl.1",
        "discordctl-serve.1",
        "discordctl-config-check.1",
    ] {
        assert!(folder.path().join(page).exists(), "{page}");
    }
}

#[test]
fn runbooks_are_listed_and_shown() {
    insta::assert_snapshot!("runbook_list", session(&["runbook", "list"]));
    insta::assert_snapshot!(
        "runbook_list_json",
        session(&["runbook", "list", "-o", "json"])
    );
    let shown = session(&["runbook", "show", "valkey-down"]);
    assert!(
        shown.contains("# Redis or Valkey is down") && shown.contains("```sh do"),
        "{shown}"
    );
    insta::assert_snapshot!(
        "runbook_unknown",
        session(&["runbook", "show", "valkey-dwon"])
    );
}
