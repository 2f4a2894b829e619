//! Health as a monitoring plugin tells it: a line with performance data, then what is wrong
//! (<https://nagios-plugins.org/doc/guidelines.html>).
use std::fmt::Write;

use discordctl::ops::finding::{Finding, Verdict};
use discordctl::ops::health::Report;

pub(super) fn text(report: &Report) -> String {
    let state = match report.status {
        Verdict::Ok => "OK",
        Verdict::Warning => "WARNING",
        Verdict::Critical => "CRITICAL",
        Verdict::Unknown => "UNKNOWN",
    };
    let bad: Vec<&Finding> = report.checks.iter().filter(|f| !f.is_ok()).collect();
    let worst = bad.iter().rev().max_by_key(|finding| finding.level);
    let what = match worst {
        Some(worst) => plain(&format!(
            "{} on {}: {}",
            worst.check, worst.on, worst.detail
        )),
        None => format!(
            "instances: {}, checks: {}",
            report.instances.len(),
            report.checks.len()
        ),
    };
    let mut text = format!("DISCORDCTL {state} - {what} |{}\n", performance(report));
    for finding in bad {
        let line = plain(&format!(
            "{} {} on {}: {}",
            finding.level.as_str(),
            finding.check,
            finding.on,
            finding.detail
        ));
        // Writing into a string cannot fail.
        let _ = write!(text, "{line}");
        if let Some(runbook) = &finding.runbook {
            let _ = write!(text, " (discordctl runbook show {runbook})");
        }
        text.push('\n');
    }
    text
}

fn performance(report: &Report) -> String {
    let timed = report.checks.iter().filter_map(|finding| {
        let seconds = finding.took_ms? / 1e3;
        let label = format!("{} {}", finding.on, finding.check).replace(['\'', '='], "_");
        Some(format!(" '{label}'={seconds:.6}s"))
    });
    timed.collect()
}

/// A bar would begin the performance data, a new line the next part.
fn plain(text: &str) -> String {
    text.replace('|', "/").replace(['\n', '\r'], " ")
}
