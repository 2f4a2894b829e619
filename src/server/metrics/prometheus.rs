//! The text that Prometheus scrapes, in its format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
use std::fmt::{Display, Write};

use crate::meter::Histogram;
use crate::meter::table::{ALL, Metric, Reading, Sample};

/// Upper bounds of the histograms' buckets, in seconds: around what is usual, and at every
/// threshold of the defaults.
const BOUNDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0,
];

pub(crate) fn prometheus(sample: &Sample) -> String {
    let mut page = Page::default();
    for metric in ALL {
        page.metric(metric, (metric.read)(sample));
    }
    page.0
}

/// A page that is being written. Writing into a string cannot fail.
#[derive(Default)]
struct Page(String);

impl Page {
    fn metric(&mut self, metric: &Metric, reading: Reading) {
        let name = metric.name;
        if !matches!(reading, Reading::Unknown) {
            let (help, kind) = (metric.help, metric.kind.as_str());
            let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        }
        match reading {
            Reading::Whole(number) => self.line(name, number),
            Reading::Real(number) => self.line(name, number),
            Reading::Is(is_so) => self.line(name, u8::from(is_so)),
            Reading::Split(numbers) => {
                for (of, number) in numbers {
                    self.line(&metric.of(of), number);
                }
            }
            Reading::Times(all, _) => self.histogram(name, all),
            Reading::Unknown => {}
        }
    }

    fn line(&mut self, series: &str, value: impl Display) {
        let _ = writeln!(self.0, "{series} {value}");
    }

    fn histogram(&mut self, name: &str, histogram: &Histogram) {
        let counts = histogram.read();
        let mut seen = 0;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts.within(&BOUNDS)) {
            seen += count;
            self.line(&format!("{name}_bucket{{le=\"{bound}\"}}"), seen);
        }
        self.line(&format!("{name}_sum"), counts.summary().sum);
        self.line(&format!("{name}_count"), seen);
    }
}
