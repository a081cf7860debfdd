//! Calibration: what was claimed against what was true, bin by bin.

use super::lines::{axes, share};
use super::scale::Scale;
use super::svg::{Anchor, BLUE, Font, GRID, INK, Marker, QUIET, Stroke, Svg, fitted};

/// Pairs whose claimed probability lies in one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationBin {
    /// Least probability of the bin.
    pub from: f64,
    /// Where it ends; open, but for the last at 1.
    pub to: f64,
    /// Pairs in it.
    pub pairs: u64,
    /// Their mean claimed probability.
    pub claimed: f64,
    /// The share of them that is true.
    pub observed: f64,
}

/// How far claimed probabilities can be relied upon.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Heading.
    pub title: String,
    /// The picture in words.
    pub description: String,
    /// Bins by rising probability; empty ones are listed, not drawn.
    pub bins: Vec<CalibrationBin>,
}

const WIDTH: f64 = 860.0;
const PLOT_X: (f64, f64) = (72.0, 412.0);
const PLOT_Y: (f64, f64) = (404.0, 64.0);
/// Right ends of the columns of the table beside the plot.
const COLUMNS: [f64; 4] = [552.0, 640.0, 732.0, 832.0];
const ROW: f64 = 26.0;

impl Calibration {
    /// Returns the chart as SVG.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let table_bottom = PLOT_Y.1 + ROW * (self.bins.len() as f64 + 3.0);
        let height = table_bottom.max(PLOT_Y.0 + 64.0);
        let (x, y) = (Scale::covering([0.0, 1.0], 5, PLOT_X), Scale::covering([0.0, 1.0], 5, PLOT_Y));
        let mut svg = Svg::new(WIDTH, height, &self.title, &self.description);
        svg.text((24.0, 34.0), Font::new(Anchor::Start, 18.0, INK).bold(), &fitted(&self.title, 18.0, WIDTH - 48.0));
        axes(&mut svg, (&x, &y), ("claimed match probability", "share that is true"));
        svg.line((x.at(0.0), y.at(0.0)), (x.at(1.0), y.at(1.0)), Stroke { dashes: "4 4", ..Stroke::new(QUIET, 1.2) });
        let drawn: Vec<&CalibrationBin> = self.bins.iter().filter(|bin| bin.pairs > 0).collect();
        let points: Vec<(f64, f64)> = drawn.iter().map(|bin| (x.at(bin.claimed), y.at(bin.observed))).collect();
        if points.len() > 1 {
            svg.polyline(&points, Stroke::new(BLUE, 1.6));
        }
        for (bin, &point) in drawn.iter().zip(&points) {
            let (low, high) = wilson(bin.observed, bin.pairs);
            whisker(&mut svg, point.0, (y.at(low), y.at(high)));
            svg.marker(Marker::Circle, point, 4.5, BLUE);
        }
        self.table(&mut svg);
        svg.finish()
    }

    fn table(&self, svg: &mut Svg) {
        let head = Font::new(Anchor::End, 12.0, QUIET);
        let cell = Font::new(Anchor::End, 13.0, INK);
        let mut y = PLOT_Y.1 + 8.0;
        for (x, name) in COLUMNS.into_iter().zip(["bin", "pairs", "claimed", "true"]) {
            svg.text((x, y), head, name);
        }
        svg.line((COLUMNS[0] - 100.0, y + 8.0), (COLUMNS[3], y + 8.0), Stroke::new(GRID, 1.0));
        for bin in &self.bins {
            y += ROW;
            let shares = if bin.pairs == 0 {
                ["–".to_owned(), "–".to_owned()]
            } else {
                [share(bin.claimed), share(bin.observed)]
            };
            let [claimed, observed] = shares;
            let close = if bin.to >= 1.0 { ']' } else { ')' };
            let name = format!("[{:.2}, {:.2}{close}", bin.from, bin.to);
            for (x, text) in COLUMNS.into_iter().zip([name, grouped(bin.pairs), claimed, observed]) {
                svg.text((x, y), cell, &text);
            }
        }
        let note = Font::new(Anchor::Start, 12.0, QUIET);
        let left = COLUMNS[0] - 100.0;
        svg.text((left, y + ROW + 4.0), note, "On the dashed line claims are true as often as they say.");
        svg.text((left, y + ROW + 21.0), note, "Whiskers: 95 % interval of the true share (Wilson 1927).");
    }
}

fn whisker(svg: &mut Svg, x: f64, (low, high): (f64, f64)) {
    let stroke = Stroke::new(INK, 1.2);
    svg.line((x, low), (x, high), stroke);
    svg.line((x - 4.0, low), (x + 4.0, low), stroke);
    svg.line((x - 4.0, high), (x + 4.0, high), stroke);
}

/// Interval of 95 % of a share among `count` trials, Wilson 1927.
fn wilson(share: f64, count: u64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    let count = count.max(1) as f64;
    let centre = share + Z * Z / (2.0 * count);
    let reach = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).max(0.0).sqrt();
    let whole = 1.0 + Z * Z / count;
    (((centre - reach) / whole).max(0.0), ((centre + reach) / whole).min(1.0))
}

/// A count in groups of three digits.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}
