//! A waterfall: from a start over steps up and down to a sum.

use super::scale::{Scale, minus};
use super::svg::{Anchor, BLUE, Font, GRID, INK, ORANGE, QUIET, Stroke, Svg, fitted, width_of};

/// One bar: a start, or what a part adds or takes away.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Name of the part.
    pub label: String,
    /// What is said of it, below its name; may be empty.
    pub detail: String,
    /// What it adds, in the unit of the chart.
    pub value: f64,
}

/// What a sum is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Waterfall {
    /// Heading.
    pub title: String,
    /// The picture in words.
    pub description: String,
    /// Unit of all values, such as `bits`.
    pub unit: String,
    /// Where it starts.
    pub start: Step,
    /// What is added, in order.
    pub steps: Vec<Step>,
    /// Name of the sum, and what is said of it.
    pub total: (String, String),
}

const WIDTH: f64 = 860.0;
const TOP: f64 = 64.0;
const ROW: f64 = 44.0;
const BAR: f64 = 22.0;
const PLOT: (f64, f64) = (330.0, 780.0);
const LABEL: Font = Font::new(Anchor::End, 14.0, INK);
const DETAIL: Font = Font::new(Anchor::End, 12.0, QUIET);
const TICK: Font = Font::new(Anchor::Middle, 12.0, QUIET);

/// A bar between two values.
struct Bar<'a> {
    label: &'a str,
    detail: &'a str,
    from: f64,
    to: f64,
    value: String,
    fill: &'static str,
}

impl Waterfall {
    /// Returns the chart as SVG.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let bars = self.bars();
        let bottom = TOP + ROW * bars.len() as f64;
        let ends = bars.iter().flat_map(|bar| [bar.from, bar.to]);
        let scale = Scale::covering(ends.chain([0.0]), 8, PLOT);
        let mut svg = Svg::new(WIDTH, bottom + 46.0, &self.title, &self.description);
        svg.text((24.0, 34.0), Font::new(Anchor::Start, 18.0, INK).bold(), &fitted(&self.title, 18.0, WIDTH - 48.0));
        for (value, text) in scale.ticks() {
            let x = scale.at(value);
            let stroke = if value.abs() < 1e-9 { Stroke::new(QUIET, 1.2) } else { Stroke::new(GRID, 1.0) };
            svg.line((x, TOP), (x, bottom), stroke);
            svg.text((x, bottom + 18.0), TICK, &text);
        }
        svg.text((f64::midpoint(PLOT.0, PLOT.1), bottom + 36.0), TICK, &self.unit);
        for (index, bar) in bars.iter().enumerate() {
            let last = index + 1 == bars.len();
            draw(&mut svg, &scale, bar, TOP + ROW * index as f64, last);
        }
        svg.finish()
    }

    fn bars(&self) -> Vec<Bar<'_>> {
        let bar = |step: &'_ Step, from: f64, value: String, fill: &'static str| (from, from + step.value, value, fill);
        let mut bars = Vec::with_capacity(self.steps.len() + 2);
        let mut sum = 0.0;
        for (index, step) in std::iter::once(&self.start).chain(&self.steps).enumerate() {
            let first = index == 0;
            let fill = match (first, step.value >= 0.0) {
                (true, _) => QUIET,
                (false, true) => BLUE,
                (false, false) => ORANGE,
            };
            let (from, to, value, fill) = bar(step, sum, signed(step.value, !first), fill);
            bars.push(Bar { label: &step.label, detail: &step.detail, from, to, value, fill });
            sum = to;
        }
        let (label, detail) = (&self.total.0, &self.total.1);
        bars.push(Bar { label, detail, from: 0.0, to: sum, value: signed(sum, false), fill: INK });
        bars
    }
}

fn signed(value: f64, plus: bool) -> String {
    let text = minus(&format!("{value:.2}"));
    let sign = if plus && value >= 0.005 { "+" } else { "" };
    format!("{sign}{text}")
}

fn draw(svg: &mut Svg, scale: &Scale, bar: &Bar<'_>, top: f64, last: bool) {
    let room = PLOT.0 - 24.0 - 14.0;
    let label = if last { LABEL.bold() } else { LABEL };
    let x = PLOT.0 - 14.0;
    if bar.detail.is_empty() {
        svg.text((x, top + ROW / 2.0 + 5.0), label, &fitted(bar.label, label.size, room));
    } else {
        svg.text((x, top + ROW / 2.0 - 3.0), label, &fitted(bar.label, label.size, room));
        svg.text((x, top + ROW / 2.0 + 13.0), DETAIL, &fitted(bar.detail, DETAIL.size, room));
    }
    let (left, right) = (scale.at(bar.from.min(bar.to)), scale.at(bar.from.max(bar.to)));
    let y = top + (ROW - BAR) / 2.0;
    svg.rect((left, y), ((right - left).max(1.0), BAR), bar.fill);
    if !last {
        let x = scale.at(bar.to);
        svg.line((x, y + BAR), (x, y + ROW), Stroke { dashes: "2 2", ..Stroke::new(QUIET, 1.0) });
    }
    value(svg, bar, (left, right), top + ROW / 2.0 + 4.5);
}

/// The value stands beside the bar, on the side it grows to.
fn value(svg: &mut Svg, bar: &Bar<'_>, (left, right): (f64, f64), y: f64) {
    let font = Font::new(Anchor::Start, 13.0, INK).bold();
    let width = width_of(&bar.value, font.size) + 6.0;
    let fits_left = left - width > PLOT.0;
    if bar.to < bar.from && fits_left {
        svg.text((left - 6.0, y), Font { anchor: Anchor::End, ..font }, &bar.value);
    } else {
        svg.text((right + 6.0, y), font, &bar.value);
    }
}
