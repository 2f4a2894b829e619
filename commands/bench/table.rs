//! A report for people.
use std::fmt::Write;

use discordctl::ops::bench::{BackgroundReport, Load, Quantiles, Reconnects, Report, Usage, word};

use crate::output::table;

pub(super) fn of(report: &Report) -> String {
    let mut text = about(report);
    let counts = [
        ("sent", report.sent, Some(report.sent_per_second)),
        (
            "committed",
            report.committed,
            Some(report.committed_per_second),
        ),
        (
            "delivered",
            report.delivered,
            Some(report.delivered_per_second),
        ),
        ("lost", report.lost, None),
        ("repeated", report.repeated, None),
        ("out of order", report.out_of_order, None),
    ];
    let counts = counts.map(|(name, count, rate)| {
        let rate = rate.map_or_else(String::new, |rate| grouped(rate.round() as u64));
        [name.to_owned(), grouped(count), rate]
    });
    text += &table(["", "messages", "per second"], counts.into());
    text += "\n\n";
    if let Some(events) = report.events {
        let [sent, committed, delivered] =
            [events.sent, events.committed, events.delivered].map(grouped);
        let _ = writeln!(
            text,
            "of these, events: {sent} sent, {committed} committed, {delivered} delivered\n"
        );
    }
    text += &table(
        ["ms", "p50", "p90", "p95", "p99", "p99.9", "max"],
        vec![
            latency("acknowledged", &report.ack_ms),
            latency("delivered", &report.delivery_ms),
        ],
    );
    text += "\n\n";
    for (kind, count) in &report.errors {
        let _ = writeln!(text, "error {kind}: {}", grouped(*count));
    }
    if let Some(Reconnects {
        cut,
        ended,
        resumed,
    }) = report.reconnects
    {
        let _ = writeln!(
            text,
            "reconnected: {resumed} times, {cut} cut by readers and {ended} ended by servers"
        );
    }
    if let Some(background) = &report.background {
        text += &held(background);
    }
    if let Some(server) = &report.server {
        text += &used(report, server);
    }
    let load: Vec<String> = report
        .load_cpu_seconds
        .iter()
        .map(|s| format!("{s:.1} s"))
        .collect();
    let _ = writeln!(text, "CPU of the load's threads: {}", load.join(", "));
    for hint in &report.hints {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

fn about(report: &Report) -> String {
    let plan = &report.plan;
    let load = match plan.load {
        Load::OpenLoop(rate) => format!("{rate} messages/s each"),
        Load::ClosedLoop(window) => format!("{window} in flight each"),
    };
    let events = match plan.events {
        0 => String::new(),
        share => format!(", {share} % events"),
    };
    format!(
        "{}: {} readers ({}), {} senders with {load}{events}, rooms: {}, {} bytes\n\
         connected in {:.2} s, measured for {:.1} s\n\n",
        plan.subject.names().join(", "),
        grouped(plan.connections as u64),
        word(&plan.transports),
        grouped(plan.senders as u64),
        grouped(plan.rooms as u64),
        plan.size,
        report.connect_seconds,
        report.seconds,
    )
}

fn latency(name: &str, ms: &Quantiles) -> [String; 7] {
    let shown =
        [ms.p50, ms.p90, ms.p95, ms.p99, ms.p999, ms.max].map(|value| format!("{value:.2}"));
    let [p50, p90, p95, p99, p999, max] = shown;
    [name.to_owned(), p50, p90, p95, p99, p999, max]
}

fn used(report: &Report, server: &Usage) -> String {
    let mb = |kib: u64| kib as f64 / 1024.0;
    format!(
        "server: {:.1} s CPU ({:.0} %), {:.1} MiB before, {:.1} connected, {:.1} after; \
         {:.1} KiB a connection\n",
        server.cpu_seconds,
        100.0 * server.cpu_seconds / report.seconds,
        mb(server.resident_before_kib),
        mb(server.resident_connected_kib),
        mb(server.resident_after_kib),
        server.kib_per_connection,
    )
}

fn held(background: &BackgroundReport) -> String {
    format!(
        "slow readers: {} of {} there at the end, returned {} times; silent: {} of {}\n",
        background.slow_held,
        background.slow,
        background.slow_returned,
        background.silent_held,
        background.silent,
    )
}

/// Digits in threes.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_in_threes() {
        let shown = [0, 999, 1_000, 4_651_234].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "4,651,234"]);
    }
}
