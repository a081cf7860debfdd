//! Scales: from values to pixels, with ticks at round numbers.

/// A scale of one axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    /// Pixels of `low` and `high`.
    pixels: (f64, f64),
    step: f64,
}

impl Scale {
    /// Covers `values`, widened to round numbers, with about `ticks` steps.
    pub(super) fn covering(values: impl IntoIterator<Item = f64>, ticks: u32, pixels: (f64, f64)) -> Self {
        let (low, high) = values
            .into_iter()
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let high = if high - low < 1e-9 { low + 1.0 } else { high };
        let step = round_step((high - low) / f64::from(ticks.max(1)));
        Self { low: (low / step + 1e-9).floor() * step, high: (high / step - 1e-9).ceil() * step, pixels, step }
    }

    /// The pixel of a value, kept within the scale.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// Values of the ticks, each with its text.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let first = (self.low / self.step).round();
        let decimals = (0..6).find(|&places| is_round(self.step, places)).unwrap_or(6);
        let tick = |index: i32| {
            let value = (first + f64::from(index)) * self.step;
            (value, minus(&format!("{:.*}", decimals as usize, value + 0.0)))
        };
        (0..=((self.high - self.low) / self.step).round() as i32).map(tick).collect()
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power).find(|&round| round >= step * 0.999).unwrap_or(power * 10.0)
}

fn is_round(step: f64, places: i32) -> bool {
    let shifted = step * 10f64.powi(places);
    (shifted - shifted.round()).abs() < 1e-6
}

/// A number with a minus that is as wide as a plus.
pub(super) fn minus(number: &str) -> String {
    let negative = number.starts_with('-') && number.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let digits = number.trim_start_matches('-');
    if negative { format!("\u{2212}{digits}") } else { digits.to_owned() }
}
