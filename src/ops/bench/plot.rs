//! The course of a run as a file: numbers for a spreadsheet, and a picture.
use std::fmt::Write;

use super::report::{Outcome, Step};

/// A line for each step.
pub fn csv(outcome: &Outcome) -> String {
    let mut text = String::from(
        "second,committed,delivered,ack_p50_ms,ack_p99_ms,ack_max_ms,\
         delivery_p50_ms,delivery_p99_ms,delivery_max_ms\n",
    );
    for step in &outcome.steps {
        let (ack, delivery) = (&step.ack, &step.delivery);
        let _ = writeln!(
            text,
            "{:.1},{},{},{:.3},{:.3},{:.3},{:.3},{:.3},{:.3}",
            step.begins,
            step.committed,
            step.delivered,
            ack.p50,
            ack.p99,
            ack.max,
            delivery.p50,
            delivery.p99,
            delivery.max,
        );
    }
    text
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 40.0;

/// A line of the picture: its name, its colour, and what it shows of a step.
type Curve = (&'static str, &'static str, fn(&Step) -> f64);

const CURVES: [Curve; 3] = [
    ("p50", "#2a78d6", |step| step.delivery.p50),
    ("p99", "#c2571a", |step| step.delivery.p99),
    ("max", "#8a8a8a", |step| step.delivery.max),
];

/// Where milliseconds and seconds are in the picture; milliseconds by their logarithm, since
/// what matters is ten times as long and not ten more.
struct Axes {
    seconds: f64,
    low: f64,
    high: f64,
}

impl Axes {
    fn of(outcome: &Outcome) -> Self {
        let values = || {
            let steps = outcome.steps.iter().filter(|step| step.delivered > 0);
            steps.flat_map(|step| CURVES.map(|(_, _, value)| value(step).max(1e-3)))
        };
        let low = values().fold(1.0, f64::min).log10().floor();
        let high = values().fold(10.0, f64::max).log10().ceil();
        let seconds = outcome.steps.len().max(1) as f64 * outcome.step.as_secs_f64();
        Self { seconds, low, high }
    }

    fn x(&self, second: f64) -> f64 {
        LEFT + second / self.seconds * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, ms: f64) -> f64 {
        let part = (ms.max(1e-3).log10() - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
    }
}

/// The latency of deliveries over the time of the run.
pub fn svg(outcome: &Outcome) -> String {
    let axes = Axes::of(outcome);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"14\">Delivery latency in ms, {} readers, \
         {:.0} messages/s</text>\n",
        outcome.report.plan.connections, outcome.report.committed_per_second,
    );
    grid(&axes, &mut text);
    for curve in CURVES {
        draw(&axes, &outcome.steps, curve, &mut text);
    }
    text + "</svg>\n"
}

fn grid(axes: &Axes, text: &mut String) {
    let mut power = axes.low;
    while power <= axes.high {
        let (ms, end) = (10f64.powf(power), WIDTH - RIGHT);
        let y = axes.y(ms);
        let _ = writeln!(
            text,
            "<path d=\"M{LEFT} {y:.1}H{end}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{ms}</text>",
            LEFT - 8.0,
            y + 4.0,
        );
        power += 1.0;
    }
    for part in 0..=4 {
        let second = axes.seconds * f64::from(part) / 4.0;
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">{second:.0} s</text>",
            axes.x(second),
            HEIGHT - BOTTOM + 20.0,
        );
    }
}

fn draw(axes: &Axes, steps: &[Step], (name, colour, value): Curve, text: &mut String) {
    let half = axes.seconds / steps.len().max(1) as f64 / 2.0;
    let steps = steps.iter().filter(|step| step.delivered > 0);
    let points: Vec<(f64, f64)> = steps
        .map(|step| (axes.x(step.begins + half), axes.y(value(step))))
        .collect();
    let Some((x, y)) = points.last() else { return };
    let path: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.1} {y:.1}"))
        .collect();
    let _ = writeln!(
        text,
        "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
        path.join("L"),
        x + 8.0,
        y + 4.0,
    );
}
