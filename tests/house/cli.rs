//! The command line as a shell sees it: what it prints where, and how it ends.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// In a folder with `good.json`, `bad.json` and `broken.json`, 80 columns wide, with nothing of
/// the machine's environment.
fn discordctl(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_discordctl"));
    command
        .args(line.split_whitespace())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/house/cli"))
        .env_clear()
        .env("COLUMNS", "80")
        .stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("discordctl runs")
}

/// The one JSON object that is printed.
fn json(command: &mut Command) -> Value {
    serde_json::from_slice(&output(command).stdout).expect("one JSON object")
}

/// Everything a person or a script would see of it.
fn session(line: &str) -> String {
    let ran = output(&mut discordctl(line));
    let code = ran.status.code().expect("an exit code");
    let mut session = format!("$ discordctl {line}\n");
    for (name, bytes) in [("stdout", ran.stdout), ("stderr", ran.stderr)] {
        if !bytes.is_empty() {
            session += &format!("--- {name}\n{}", String::from_utf8(bytes).expect("UTF-8"));
        }
    }
    session + &format!("--- exit {code}")
}

/// Holds that against the snapshot of that name.
fn shows(name: &str, line: &str) {
    insta::assert_snapshot!(name, session(line));
}

#[track_caller]
fn exits(code: i32, line: &str) {
    let ended = output(&mut discordctl(line));
    assert_eq!(ended.status.code(), Some(code), "{line}: {ended:?}");
}

#[test]
fn help_teaches() {
    shows("help", "--help");
    shows("help_serve", "serve --help");
    for command in [
        "start", "stop", "status", "restart", "archive", "replay", "cleanup", "jobs", "storage",
        "backup", "restore", "monitor", "runbook", "drill",
    ] {
        shows(&format!("help_{command}"), &format!("{command} --help"));
    }
    shows("help_exit_codes", "help exit-codes");
}

#[test]
fn help_teaches_how_to_control_a_running_instance() {
    for command in ["connections", "disconnect", "drain", "undrain", "log-level"] {
        let name = format!("help_{}", command.replace('-', "_"));
        shows(&name, &format!("{command} --help"));
    }
}

#[test]
fn an_instance_that_does_not_run_is_69_and_says_so() {
    shows("not_running", "drain --config good.json");
    let json = "connections --config good.json -o json";
    shows("not_running_json", json);
}

#[test]
fn a_wrong_command_line_is_64_and_says_what_was_meant() {
    shows("unknown_command", "serv");
    shows("unknown_command_json", "serv -o json");
    shows("missing_command_json", "-o json config");
    for line in ["", "config", "serve --tcp-port http", "config check"] {
        exits(64, line);
    }
}

#[test]
fn config_check_tells_every_problem() {
    let line = "config check good.json bad.json broken.json absent.json";
    shows("config_check", line);
    shows("config_check_json", &format!("{line} -o json"));
    exits(0, "config check good.json");
}

#[test]
fn config_show_tells_where_each_setting_comes_from() {
    let mut command = discordctl("config show --config good.json --bind ::1");
    let shown = output(command.env("DISCORDCTL_LOG_LEVEL", "debug"));
    insta::assert_snapshot!("config_show", String::from_utf8_lossy(&shown.stdout));

    let json = json(command.args(["-o", "json"]));
    assert_eq!(json["schema"], "discordctl.config-show/1");
    assert_eq!(json["config"]["tcp_port"], 9007);
    let mut settings = json["settings"].as_array().expect("a list").iter();
    let level = settings.find(|s| s["key"] == "log.level");
    let expected = serde_json::json!({
        "key": "log.level", "value": "debug", "source": "env", "from": "DISCORDCTL_LOG_LEVEL",
    });
    assert_eq!(level, Some(&expected));
}

/// In a folder without `config`, and with an instance that was never started.
#[test]
fn health_tells_what_is_down_and_which_runbook_deals_with_it() {
    let health = "health --config alone.json";
    shows("help_health", "health --help");
    shows("health", health);
    for form in ["json", "nagios", "prometheus"] {
        let name = format!("health_{form}");
        shows(&name, &format!("{health} -o {form}"));
    }
    shows("health_no_instances", "health --config-dir .");
    shows("no_such_form", "config init x -o nagios");
    for line in [
        "health --level 6",
        "health --timeout soon",
        "health instance-1 --config alone.json",
    ] {
        exits(64, line);
    }
}

#[test]
fn doctor_gives_a_fix_for_each_finding() {
    shows("help_doctor", "doctor --help");
    // What this machine has of disk and descriptors is not the same everywhere.
    shows("doctor_wrong_config", "doctor --config bad.json");
    let report = json(&mut discordctl("doctor --config alone.json -o json"));
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
    shows("serve_wrong", "serve --config bad.json");
    shows("serve_missing", "serve --config absent.json");
    shows("serve_wrong_json", "serve --config bad.json -o json");
}

#[test]
fn a_wrong_variable_is_78_and_named() {
    for (name, value) in [
        ("DISCORDCTL_TCP_PROT", OsStr::new("9001")),
        ("DISCORDCTL_TCP_PORT", OsStr::new("http")),
        ("DISCORDCTL_DB_URL", OsStr::from_bytes(b"sqlite://\xff")),
    ] {
        let ended = output(discordctl("serve").env(name, value));
        assert_eq!(ended.status.code(), Some(78), "{name}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains(name));
    }
}

#[test]
fn config_init_writes_what_serve_reads_and_never_overwrites() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = || output(discordctl("config init new.json").current_dir(folder.path()));

    assert_eq!(init().status.code(), Some(0));
    let written = std::fs::read_to_string(folder.path().join("new.json")).expect("a file");
    let check = output(discordctl("config check new.json").current_dir(folder.path()));
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
    for line in [
        "serve --help",
        "config show",
        "config show -o json",
        &format!("config show --redis-url {url}"),
        "config show --db-url mysql://chat:s3cret@db.example",
        &format!("config show {url}"),
        &format!("config show {url} -o json"),
        &format!("serve --tcp-port {url}"),
        "config check bad.json good.json",
    ] {
        let shown = output(discordctl(line).env("DISCORDCTL_DB_URL", url));
        let text = String::from_utf8_lossy(&[shown.stdout, shown.stderr].concat()).into_owned();
        let hidden = !text.is_empty() && !text.contains("s3cret");
        assert!(hidden, "{line}: {text}");
    }
}

#[test]
fn colours_can_be_refused() {
    let coloured = |line: &str, variables: &[(&str, &str)]| {
        let variables = variables.iter().copied();
        let shown = output(discordctl(line).env("CLICOLOR_FORCE", "1").envs(variables));
        [shown.stdout, shown.stderr].concat().contains(&0x1b)
    };
    for line in ["--help", "serv", "serve --config absent.json"] {
        assert!(coloured(line, &[]), "{line}");
        assert!(!coloured(line, &[("NO_COLOR", "1")]), "{line}");
        assert!(!coloured(&format!("{line} --no-color"), &[]), "{line}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for line in ["completion bash", "man", "config show", "--help"] {
        let mut command = discordctl(line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("discordctl runs");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it ends");
        let told = (ended.status.code(), ended.stderr);
        assert_eq!(told, (Some(0), Vec::new()), "{line}");
    }
}

#[test]
fn completion_and_manual_pages_are_complete() {
    for shell in ["bash", "zsh", "fish"] {
        let script = output(&mut discordctl(&format!("completion {shell}"))).stdout;
        let script = String::from_utf8_lossy(&script);
        assert!(script.contains("config"), "{shell}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().to_str().expect("UTF-8");
    exits(0, &format!("man --dir {dir}"));
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
    shows("runbook_list", "runbook list");
    shows("runbook_list_json", "runbook list -o json");
    let shown = session("runbook show valkey-down");
    let whole = shown.contains("# Redis or Valkey is down") && shown.contains("```sh do");
    assert!(whole, "{shown}");
    shows("runbook_unknown", "runbook show valkey-dwon");
}
