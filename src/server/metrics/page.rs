//! Prometheus' text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
use std::fmt::{Display, Write};

use crate::meter::Histogram;

/// Upper bounds of the histograms' buckets, in seconds: around what is usual, and at every
/// threshold of the defaults.
const BOUNDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0,
];

/// A page that is being written. Writing into a string can't fail.
#[derive(Default)]
pub(super) struct Page {
    pub(super) text: String,
}

impl Page {
    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "counter");
        let _ = writeln!(self.text, "{name} {value}");
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "gauge");
        let _ = writeln!(self.text, "{name} {value}");
    }

    /// A gauge with one label. Its values must be few and fixed: no rooms, no users.
    pub(super) fn gauges<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'static str, V)>,
    ) {
        self.head(name, help, "gauge");
        self.labelled(name, label, values);
    }

    /// A counter with one label, to which the same applies.
    pub(super) fn counters<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'static str, V)>,
    ) {
        self.head(name, help, "counter");
        self.labelled(name, label, values);
    }

    fn labelled<V: Display>(
        &mut self,
        name: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'static str, V)>,
    ) {
        for (of, value) in values {
            let _ = writeln!(self.text, "{name}{{{label}=\"{of}\"}} {value}");
        }
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let counts = histogram.read();
        let mut seen = 0;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts.within(&BOUNDS)) {
            seen += count;
            let _ = writeln!(self.text, "{name}_bucket{{le=\"{bound}\"}} {seen}");
        }
        let sum = counts.summary().sum;
        let _ = writeln!(self.text, "{name}_sum {sum}\n{name}_count {seen}");
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}
