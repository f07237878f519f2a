//! The measurements of a server, as a client puts them together, and the text format of Prometheus as a scraper reads it.

use std::collections::{BTreeMap, BTreeSet};

use mfad_client::Client;
use mfad_proto::{Call, Metric, Reply, StatsPage, StatsPlace};

/// Values by the name of the metric and the values of its labels.
pub type Measured = BTreeMap<(String, Vec<String>), u64>;

/// All measurements. `between` is called between two pages. What is the server's own is told once, and what is counted
/// account by account is added up.
///
/// # Panics
/// When the server does not tell, or tells something twice.
pub fn measured(client: &mut Client, mut between: impl FnMut()) -> Measured {
    let (mut all, mut after) = (Measured::new(), None);
    loop {
        let is_own = !matches!(after, Some(StatsPlace::Account(_)));
        let StatsPage { samples, next } = page(client, after);
        for sample in samples {
            let metric = Metric::of(sample.metric).expect("a known metric");
            assert_eq!(metric.labels.len(), sample.labels.len(), "{}", metric.name);
            let key = (metric.name.to_owned(), sample.labels.iter().map(ToString::to_string).collect());
            assert!(!(is_own && all.contains_key(&key)), "{key:?} is told twice");
            *all.entry(key).or_default() += sample.value;
        }
        after = next;
        if after.is_none() {
            return all;
        }
        between();
    }
}

/// One page of them.
///
/// # Panics
/// When the server does not tell.
pub fn page(client: &mut Client, after: Option<StatsPlace>) -> StatsPage {
    match client.call(Call::Stats { after }).expect("an answer") {
        Reply::Stats(page) => page,
        _ => panic!("no measurements"),
    }
}

/// The value under these labels.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn value(measured: &Measured, name: &str, labels: &[&str]) -> u64 {
    find(measured, name, labels).unwrap_or_else(|| panic!("{name} {labels:?} is not told"))
}

/// The value under these labels, if there is one.
#[must_use]
pub fn find(measured: &Measured, name: &str, labels: &[&str]) -> Option<u64> {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    measured.get(&(name.to_owned(), labels)).copied()
}

/// What one line of the text format says.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The name.
    pub name: String,
    /// The labels and their values.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

/// Reads the text format, version 0.0.4, as strictly as its description has it: what is said of a family stands once and
/// above it, its lines stand together, nothing is there twice, names follow the conventions, and histograms add up.
///
/// # Panics
/// When the text breaks a rule.
#[must_use]
pub fn scraped(text: &str) -> Vec<Line> {
    assert!(text.ends_with('\n'), "the last line has no end");
    let (mut lines, mut families, mut help) = (Vec::<Line>::new(), BTreeMap::<String, String>::new(), None::<String>);
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, said) = rest.split_once(' ').expect("words of help");
            assert!(!said.is_empty() && help.is_none(), "{line}");
            help = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(help.take().as_deref(), Some(name), "no help stands above {line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} stands there twice");
            name.clone_into(&mut family);
        } else {
            let line = sample(line);
            let kind = families.get(&family).expect("a type above");
            let parts = ["_bucket", "_sum", "_count"].map(|part| format!("{family}{part}"));
            let belongs = if kind == "histogram" { parts.contains(&line.name) } else { line.name == family };
            assert!(belongs, "{} stands below {family}", line.name);
            let again = lines.iter().any(|known| known.name == line.name && known.labels == line.labels);
            assert!(!again, "{line:?} stands there twice");
            lines.push(line);
        }
    }
    assert!(help.is_none());
    families.iter().filter(|(_, kind)| *kind == "histogram").for_each(|(name, _)| add_up(&lines, name));
    lines
}

fn sample(line: &str) -> Line {
    let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a value"));
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(name.starts_with("mfad_") && name.chars().all(legal), "{line}");
    let (mut labels, mut rest) = (Vec::new(), rest);
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, value) = rest.split_once("=\"").expect("a label");
            assert!(label.chars().all(legal) && label != "job" && label != "instance", "{line}");
            let (value, after) = quoted(value);
            labels.push((label.to_owned(), value));
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => break rest = after.strip_prefix('}').expect("the end of the labels"),
            }
        }
    }
    let value = rest.strip_prefix(' ').expect("one space before the value");
    Line { name: name.to_owned(), labels, value: value.parse().expect("a number") }
}

/// A label's value up to its closing quotation mark, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    loop {
        match chars.next().expect("a closing quotation mark") {
            (place, '"') => return (value, &text[place + 1..]),
            (_, '\\') => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, plain @ ('\\' | '"'))) => plain,
                other => panic!("what is escaped? {other:?}"),
            }),
            (_, plain) => value.push(plain),
        }
    }
}

/// The buckets of each set of labels grow, in the order in which they stand, up to `+Inf`, which is the count.
fn add_up(lines: &[Line], family: &str) {
    let others = |line: &Line| line.labels.iter().filter(|(name, _)| name != "le").cloned().collect::<Vec<_>>();
    let of = |part: &'static str| lines.iter().filter(move |line| line.name == format!("{family}{part}"));
    let sets: BTreeSet<_> = of("_bucket").map(others).collect();
    assert_eq!(sets, of("_count").map(others).collect(), "{family}");
    assert_eq!(sets, of("_sum").map(others).collect(), "{family}");
    for set in sets {
        let buckets: Vec<_> = of("_bucket").filter(|line| others(line) == set).collect();
        let bound =
            |line: &Line| line.labels.iter().find(|(name, _)| name == "le").expect("le").1.parse::<f64>().unwrap();
        let grows = |pair: &[&Line]| bound(pair[0]) < bound(pair[1]) && pair[0].value <= pair[1].value;
        assert!(buckets.windows(2).all(grows), "{family} {set:?}");
        let last = buckets.last().expect("a bucket");
        let count = of("_count").find(|line| line.labels == set).expect("a count");
        assert!(bound(last).is_infinite() && last.value == count.value, "{family} {set:?}");
    }
}
