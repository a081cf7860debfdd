//! Figures, what they are held against, and how they are printed.

use std::fmt;
use std::time::Duration;

/// Events per second.
#[allow(clippy::cast_precision_loss, reason = "counts of a measurement are far below 2^52")]
pub fn per_second(events: u64, elapsed: Duration) -> f64 {
    events as f64 / elapsed.as_secs_f64()
}

/// `part / whole`.
#[allow(clippy::cast_precision_loss, reason = "counts of a measurement are far below 2^52")]
pub fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// At least so much.
    AtLeast(f64),
    /// Less than so much.
    Below(f64),
}

impl Bar {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bar) => value >= bar,
            Self::Below(bar) => value < bar,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bar) => write!(f, ">= {}", grouped(*bar)),
            Self::Below(bar) => write!(f, "< {}", grouped(*bar)),
        }
    }
}

/// One measured figure.
#[derive(Clone, Debug)]
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    bar: Option<Bar>,
    aim: Option<f64>,
    /// What it is a part or a multiple of, by name.
    baselines: Vec<(String, f64)>,
}

impl Figure {
    /// A figure that is only told.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, bar: None, aim: None, baselines: Vec::new() }
    }

    /// A time in milliseconds.
    pub fn time(name: impl Into<String>, time: Duration) -> Self {
        Self::new(name, time.as_secs_f64() * 1e3, "ms")
    }

    /// Holds it against a bar.
    pub fn bar(self, bar: Bar) -> Self {
        Self { bar: Some(bar), ..self }
    }

    /// Tells how far it is from an aim.
    pub fn aim(self, aim: f64) -> Self {
        Self { aim: Some(aim), ..self }
    }

    /// Tells its ratio to a baseline.
    pub fn against(mut self, name: impl Into<String>, baseline: f64) -> Self {
        self.baselines.push((name.into(), baseline));
        self
    }

    /// Whether it is held against a bar.
    pub fn has_bar(&self) -> bool {
        self.bar.is_some()
    }

    /// Whether it misses its bar.
    pub fn is_missed(&self) -> bool {
        self.bar.is_some_and(|bar| !bar.is_met(self.value))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<50} {:>11} {:<5}", self.name, grouped(self.value), self.unit)?;
        for (name, baseline) in &self.baselines {
            write!(f, "  {:.2} x {name} ({})", self.value / baseline, grouped(*baseline))?;
        }
        if let Some(bar) = self.bar {
            write!(f, "  bar {bar}: {}", if self.is_missed() { "MISSED" } else { "met" })?;
        }
        if let Some(aim) = self.aim {
            write!(f, "  {:.0} % of the aim ({})", 100.0 * self.value / aim, grouped(aim))?;
        }
        Ok(())
    }
}

/// Prints a number with its thousands parted; small ones with decimals.
fn grouped(value: f64) -> String {
    if value.abs() < 1000.0 {
        let text = format!("{value:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (value, expected) in
            [(0.0, "0"), (2.5, "2.5"), (999.994, "999.99"), (1000.0, "1,000"), (39_600.4, "39,600"), (1e6, "1,000,000")]
        {
            assert_eq!(grouped(value), expected);
        }
    }

    #[test]
    fn a_bar_is_met_or_missed() {
        for (bar, value, missed) in [
            (Bar::AtLeast(10.0), 10.0, false),
            (Bar::AtLeast(10.0), 9.9, true),
            (Bar::Below(50.0), 49.9, false),
            (Bar::Below(50.0), 50.0, true),
        ] {
            assert_eq!(Figure::new("x", value, "ms").bar(bar).is_missed(), missed, "{bar:?} {value}");
        }
    }
}
