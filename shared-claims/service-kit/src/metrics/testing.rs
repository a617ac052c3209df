//! Compares `/metrics` with `docs/metrics.md`, for a test in each service.

use std::collections::{BTreeMap, BTreeSet};

/// The page, as it was when the test was built.
const PAGE: &str = include_str!("../../../../docs/metrics.md");

/// A metric: its type and the names of its labels.
type Shape = (String, BTreeSet<String>);

/// Lists every difference between the service's metrics and the rows of the page for this service (or `both`). Empty if
/// there is none.
pub fn differences_from_page(service: &str, exposition: &str) -> Vec<String> {
    let (shown, documented) = (shown(exposition), documented(service));
    let row = "docs/metrics.md needs a row `| name | type | labels | service | meaning | alert |`";
    let missing = shown.iter().filter_map(|(name, shape)| match documented.get(name) {
        None => Some(format!("/metrics shows {name} {shape:?}, which is not documented: {row}")),
        Some(other) if other != shape => {
            Some(format!("{name} is {shape:?} in /metrics and {other:?} in docs/metrics.md"))
        }
        Some(_) => None,
    });
    let gone = documented.keys().filter(|name| !shown.contains_key(*name));
    missing
        .chain(gone.map(|name| format!("docs/metrics.md has {name}, which /metrics does not show")))
        .collect()
}

fn shown(exposition: &str) -> BTreeMap<String, Shape> {
    let mut metrics = BTreeMap::new();
    let mut current = String::new();
    for line in exposition.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap_or((declared, ""));
            name.clone_into(&mut current);
            metrics.insert(current.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if let Some((_, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let names = labels.split("\",").filter_map(|pair| pair.split_once('=')).map(|(name, _)| name);
            if let Some((_, known)) = metrics.get_mut(&current) {
                // `le` is part of the histogram type: it names the bucket.
                known.extend(names.filter(|name| *name != "le").map(str::to_owned));
            }
        }
    }
    metrics
}

fn documented(service: &str) -> BTreeMap<String, Shape> {
    let rows = PAGE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let (name, kind, labels, of) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let labels = labels.split(',').map(|label| label.trim().trim_matches('`'));
        let labels = labels.filter(|label| !label.is_empty()).map(str::to_owned).collect();
        (of == service || of == "both")
            .then(|| (name.trim_matches('`').to_owned(), (kind.to_owned(), labels)))
    });
    rows.collect()
}
