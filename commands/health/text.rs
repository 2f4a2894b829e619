//! Health for people: how each instance is, what was looked at, and below it what is wrong.
use discordctl::ops::finding::{Finding, Verdict};
use discordctl::ops::health::{InstanceHealth, Report};

use crate::output::table;
use crate::units::uptime;

pub(super) fn text(report: &Report) -> String {
    let instances = report.instances.iter().map(instance).collect();
    let instances = table(
        [
            "INSTANCE", "STATE", "PID", "VERSION", "UP", "DATABASE", "REDIS",
        ],
        instances,
    );
    let checks = checks(&report.checks);
    let bad = problems(&report.checks);
    format!("{instances}\n\n{checks}\n\n{bad}{}", verdict(report))
}

fn instance(of: &InstanceHealth) -> [String; 7] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    [
        of.instance.clone(),
        of.state.clone(),
        or_dash(of.pid.map(|pid| pid.to_string())),
        or_dash(of.version.clone()),
        or_dash(of.uptime_seconds.map(uptime)),
        or_dash(of.db.clone()),
        or_dash(of.valkey.clone()),
    ]
}

/// What was looked at, in a line each.
pub(crate) fn checks(findings: &[Finding]) -> String {
    let row = |finding: &Finding| {
        let took = finding.took_ms.map(|ms| format!("{ms:.1} ms"));
        [
            finding.check.to_string(),
            finding.on.clone(),
            finding.level.as_str().to_owned(),
            took.unwrap_or_default(),
        ]
    };
    let rows = findings.iter().map(row).collect();
    table(["CHECK", "ON", "RESULT", "TOOK"], rows)
}

/// What is not well, the worst first: what, on what, why, and what to do.
pub(crate) fn problems(findings: &[Finding]) -> String {
    let mut bad: Vec<&Finding> = findings.iter().filter(|f| !f.is_ok()).collect();
    bad.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    bad.into_iter().map(problem).collect()
}

fn problem(finding: &Finding) -> String {
    let Finding {
        check,
        on,
        level,
        detail,
        fix,
        runbook,
        ..
    } = finding;
    let mut text = format!("{}: {check} on {on}\n", level.as_str());
    text += &wrapped(detail);
    if let Some(fix) = fix {
        text += &wrapped(&format!("fix: {fix}"));
    }
    if let Some(name) = runbook {
        text += &format!("  runbook: discordctl runbook show {name}\n");
    }
    text + "\n"
}

/// In lines of 80 columns. A word that is longer has a line of its own.
fn wrapped(text: &str) -> String {
    text.lines().map(wrapped_line).collect()
}

fn wrapped_line(text: &str) -> String {
    const WIDTH: usize = 78;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
            *line += &format!(" {word}");
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

fn verdict(report: &Report) -> String {
    let all = report.checks.len();
    let bad = report.checks.iter().filter(|f| !f.is_ok()).count();
    match report.status {
        Verdict::Ok => format!(
            "healthy at level {}: {all} of {all} checks are well",
            report.level
        ),
        worst => format!(
            "{} at level {}: {bad} of {all} checks are not well",
            worst.as_str(),
            report.level
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_wrapped_and_keeps_its_words() {
        let text = "word ".repeat(40);
        let lines = wrapped(&text);
        assert!(lines.lines().all(|line| line.len() <= 80), "{lines}");
        assert_eq!(lines.split_whitespace().count(), 40);
    }
}
