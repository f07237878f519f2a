//! One row of the result, and how all of them are printed.

use std::fmt;

use serde_json::{Map, Value, json};

use super::spread::Spread;

/// One measured thing.
pub(crate) struct Row {
    name: String,
    unit: Unit,
    value: Spread,
    target: Option<Target>,
    /// Why the target is missed, where it is.
    reason: Option<&'static str>,
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Times another row.
    Ratio,
    Micros,
    Millis,
    PerSecond,
    Bytes,
    Mebibytes,
}

/// What the design asks of a row's median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    /// A row of one value a round.
    pub(crate) fn new(name: impl Into<String>, unit: Unit, rounds: impl IntoIterator<Item = f64>) -> Self {
        Self { name: name.into(), unit, value: Spread::of(rounds), target: None, reason: None }
    }

    /// With what the design asks for, if it does.
    pub(crate) fn target(self, target: impl Into<Option<Target>>) -> Self {
        Self { target: target.into(), ..self }
    }

    /// With the known reason why the target is missed. It is printed only when it is.
    pub(crate) fn reason(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    fn met(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtMost(limit) => self.value.median <= limit,
            Target::AtLeast(limit) => self.value.median >= limit,
        })
    }

    /// The reason, when there is something to explain.
    fn explanation(&self) -> Option<&str> {
        (self.met() == Some(false)).then(|| self.reason.unwrap_or("not explained yet"))
    }

    fn to_json(&self) -> Value {
        let Spread { median, min, max } = self.value;
        let mut object = json!({
            "row": self.name, "value": median, "min": min, "max": max, "unit": self.unit.as_str(),
            "target": self.target.map(|target| target.to_string()), "met": self.met(),
        });
        if let (Some(object), Some(reason)) = (object.as_object_mut(), self.explanation()) {
            object.insert("reason".to_owned(), json!(reason));
        }
        object
    }
}

impl Unit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ratio => "x",
            Self::Micros => "µs",
            Self::Millis => "ms",
            Self::PerSecond => "/s",
            Self::Bytes => "B",
            Self::Mebibytes => "MiB",
        }
    }

    fn number(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{value:.2}"),
            Self::Micros | Self::Millis | Self::Mebibytes => format!("{value:.1}"),
            Self::PerSecond | Self::Bytes => format!("{value:.0}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "<= {limit}"),
            Self::AtLeast(limit) => write!(f, ">= {limit}"),
        }
    }
}

/// Prints what was measured on. For a program it is an object like the rows, without a target.
pub(crate) fn print_head(machine: &[(&str, String)], json: bool) {
    if json {
        let machine: Map<_, _> = machine.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        println!("{}", json!({ "row": "machine", "value": machine, "target": null, "met": null }));
    } else {
        machine.iter().for_each(|(name, value)| println!("{name:<12} {value}"));
        println!();
    }
}

/// Prints all rows.
pub(crate) fn print(rows: &[Row], json: bool) {
    if json {
        return rows.iter().for_each(|row| println!("{}", row.to_json()));
    }
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    println!("{:<width$} {:>10} {:<3}  {:<19} {:<9} met", "row", "median", "", "min .. max", "target");
    for row in rows {
        let Spread { median, min, max } = row.value;
        let spread = format!("{} .. {}", row.unit.number(min), row.unit.number(max));
        let target = row.target.map(|target| target.to_string()).unwrap_or_default();
        let met = match (row.met(), row.explanation()) {
            (_, Some(reason)) => format!("MISSED: {reason}"),
            (Some(true), _) => "yes".to_owned(),
            (_, None) => String::new(),
        };
        let (number, unit) = (row.unit.number(median), row.unit.as_str());
        let line = format!("{:<width$} {number:>10} {unit:<3}  {spread:<19} {target:<9} {met}", row.name);
        println!("{}", line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_has_a_reason_and_nothing_else_has() {
        let row = |target| Row::new("x", Unit::Ratio, [1.0, 2.0, 3.0]).target(target).to_json();
        assert_eq!(row(None)["met"], Value::Null);
        assert_eq!(row(Some(Target::AtMost(2.0)))["met"], true);
        assert!(row(Some(Target::AtMost(2.0))).get("reason").is_none());
        let missed = row(Some(Target::AtLeast(2.5)));
        assert_eq!((&missed["met"], &missed["target"]), (&json!(false), &json!(">= 2.5")));
        assert!(missed.get("reason").is_some());
    }
}
