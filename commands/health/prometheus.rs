//! Health for the textfile collector of Prometheus' node exporter.
use std::fmt::Write;

use discordctl::ops::finding::Finding;
use discordctl::ops::health::Report;

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    head(
        &mut text,
        "discord_check_status",
        "How a check ended: 0 ok, 1 warning, 2 critical, 3 unknown.",
    );
    for finding in &report.checks {
        let status = crate::health::exit(finding.level) as u8;
        series(&mut text, "discord_check_status", finding, status);
    }
    head(
        &mut text,
        "discord_check_duration_seconds",
        "How long it took.",
    );
    for finding in &report.checks {
        if let Some(ms) = finding.took_ms {
            let seconds = ms / 1e3;
            series(
                &mut text,
                "discord_check_duration_seconds",
                finding,
                seconds,
            );
        }
    }
    text
}

// Writing into a string cannot fail.
fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn series(text: &mut String, name: &str, finding: &Finding, value: impl std::fmt::Display) {
    let (check, on) = (escaped(&finding.check), escaped(&finding.on));
    let _ = writeln!(text, "{name}{{check=\"{check}\",on=\"{on}\"}} {value}");
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
