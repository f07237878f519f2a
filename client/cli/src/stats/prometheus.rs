//! The text format of Prometheus, version 0.0.4.
//!
//! MUST: what is said of a family stands once and above it, and the lines of a family stand together.

use std::fmt::Write;

use mfad_proto::{Kind, Metric};

use super::{Measured, Stats, decimal};

/// All measurements.
pub(super) fn text(stats: &Stats) -> String {
    let mut text = String::new();
    let mut family = "";
    for (metric, measured) in stats.metrics() {
        let is_new = metric.family() != family;
        family = metric.family();
        // Nothing fails that is written into a text.
        if is_new {
            head(&mut text, &metric).ok();
        }
        measured.iter().for_each(|measured| line(&mut text, &metric, measured).unwrap_or_default());
    }
    text
}

fn head(text: &mut String, metric: &Metric) -> std::fmt::Result {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    writeln!(text, "# HELP {} {}", metric.family(), escaped(metric.help, false))?;
    writeln!(text, "# TYPE {} {kind}", metric.family())
}

fn line(text: &mut String, metric: &Metric, measured: &Measured) -> std::fmt::Result {
    let pairs = metric.labels.iter().zip(&measured.labels);
    let labels: Vec<_> = pairs.map(|(name, value)| format!("{name}=\"{}\"", escaped(value, true))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    writeln!(text, "{}{labels} {}", metric.name, decimal(measured.value, metric.scale))
}

fn escaped(text: &str, is_label: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if is_label { text.replace('"', "\\\"") } else { text }
}
