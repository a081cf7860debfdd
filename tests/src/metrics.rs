//! The page of `/metrics`, read by name and label.

use std::collections::BTreeMap;

/// Every sample of the page.
#[derive(Clone, Debug, Default)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads a page in the Prometheus text format.
    #[must_use]
    pub fn parse(page: &str) -> Self {
        let samples = page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// Sum of a metric over all its labels; 0 if it has no sample.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }

    /// Sum of the samples of a metric that carry `label="value"`.
    #[must_use]
    pub fn sum_where(&self, name: &str, label: &str, value: &str) -> f64 {
        let wanted = format!("{label}=\"{value}\"");
        self.series(name).filter(|(labels, _)| labels.contains(&wanted)).map(|(_, value)| value).sum()
    }

    /// Every name on the page.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|series| series.split('{').next().unwrap_or(series))
    }

    fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.iter().filter_map(move |(series, value)| {
            let labels = series.strip_prefix(name)?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, *value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_labels() {
        let page = "# HELP a_total x\na_total{source=\"web\",reason=\"x\"} 2\na_total{source=\"crm\"} 3\na_total_more 9\nb 1.5";
        let metrics = Metrics::parse(page);
        for (name, expected) in [("a_total", 5.0), ("b", 1.5), ("c", 0.0)] {
            assert!((metrics.sum(name) - expected).abs() < f64::EPSILON, "{name}");
        }
        assert!((metrics.sum_where("a_total", "source", "web") - 2.0).abs() < f64::EPSILON);
        assert_eq!(metrics.names().filter(|name| *name == "a_total").count(), 2);
    }
}
