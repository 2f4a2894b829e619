//! A drill's result for people.
use std::fmt::Write;

use discordctl::ops::drill::{Milliseconds, Report};

use crate::output::table;

pub(super) fn summary(report: &Report) -> String {
    let rows = [
        ("messages sent", report.sent.to_string()),
        ("acknowledged", report.acknowledged.to_string()),
        ("repeated tries", report.retries.to_string()),
        ("in the database", report.in_database.to_string()),
        ("stored twice", report.stored_twice.to_string()),
        (
            "received",
            format!("{} of {}", report.received, report.expected),
        ),
        (
            "delivery rate",
            format!("{:.2} %", report.delivery_rate_percent),
        ),
        ("lost", report.lost.to_string()),
        ("seen twice", report.repeated.to_string()),
        ("out of order", report.out_of_order.to_string()),
        ("acknowledged after", latency(&report.ack_ms)),
        ("received after", latency(&report.delivery_ms)),
        (
            "longest pause",
            format!("{:.0} ms", report.longest_pause_ms),
        ),
        ("fault lasted", format!("{:.0} ms", report.fault_ms)),
        ("well again after", format!("{:.0} ms", report.recovery_ms)),
    ];
    let mut rows = rows.to_vec();
    if report.replication.is_some() {
        let writes = report.writes_again_ms.unwrap_or_default();
        let told = report.readers.iter().filter(|reader| reader.resets > 0);
        rows.extend([
            ("writes again after", format!("{writes:.0} ms")),
            (
                "lost with the primary",
                report.lost_with_primary.to_string(),
            ),
            ("readers told", told.count().to_string()),
            ("shown, not stored", report.not_stored.to_string()),
        ]);
    }
    let rows = rows
        .into_iter()
        .map(|(name, value)| [name.to_owned(), value]);
    let mut text = table(["DRILL", report.fault.as_str()], rows.collect());
    text += "\n\n";
    let headings = [
        "READER",
        "RECEIVED",
        "LOST",
        "TWICE",
        "OUT OF ORDER",
        "CUT OFF",
        "LONGEST PAUSE",
    ];
    let readers = report.readers.iter().map(|reader| {
        [
            reader.reader.clone(),
            reader.received.to_string(),
            reader.lost.to_string(),
            reader.repeated.to_string(),
            reader.out_of_order.to_string(),
            reader.cut_off.to_string(),
            format!("{:.0} ms", reader.longest_pause_ms),
        ]
    });
    text += &table(headings, readers.collect());
    let _ = write!(text, "\n\n{}", verdict(report));
    text
}

fn verdict(report: &Report) -> String {
    match (report.passed, report.lost_with_primary) {
        (false, _) => "FAILED".to_owned(),
        (true, 0) => "passed: nothing lost, nothing twice, everything in order".to_owned(),
        (true, lost) => format!(
            "passed: {lost} acknowledged messages were lost with the primary, every reader was told, \
             and sees what is stored, once and in order"
        ),
    }
}

fn latency(ms: &Milliseconds) -> String {
    format!(
        "p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
        ms.p50, ms.p99, ms.max
    )
}
