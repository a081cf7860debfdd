//! Lines over a common axis, such as precision and recall over thresholds.

use super::scale::Scale;
use super::svg::{
    Anchor, BLUE, Font, GREEN, GRID, INK, Marker, PURPLE, QUIET, RED, Stroke, Svg, fitted, number, width_of,
};

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name, which stands at its end.
    pub name: String,
    /// Points by rising x; those that are no numbers are left out.
    pub points: Vec<(f64, f64)>,
}

/// A value of x that is marked by an upright line.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where it stands.
    pub x: f64,
    /// What stands there.
    pub label: String,
}

/// Several lines over one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct LineChart {
    /// Heading.
    pub title: String,
    /// The picture in words.
    pub description: String,
    /// What x is, with its unit.
    pub x_label: String,
    /// What y is, with its unit.
    pub y_label: String,
    /// Least and greatest y; as the points need where none is given.
    pub y_range: Option<(f64, f64)>,
    /// The lines; told apart by colour, dashes and markers, five at most.
    pub series: Vec<Series>,
    /// Values of x to point out.
    pub marks: Vec<Mark>,
}

const SIZE: (f64, f64) = (860.0, 440.0);
const PLOT_X: (f64, f64) = (72.0, 700.0);
const PLOT_Y: (f64, f64) = (372.0, 72.0);
/// Least distance between the names at the ends of lines.
const NAME_GAP: f64 = 17.0;
/// Colour, dashes and marker of each line.
const STYLES: [(&str, &str, Marker); 5] = [
    (BLUE, "", Marker::Circle),
    (RED, "7 4", Marker::Square),
    (GREEN, "2 3", Marker::Triangle),
    (PURPLE, "9 3 2 3", Marker::Diamond),
    (INK, "4 2", Marker::Circle),
];
/// Most markers of a line; with more points, some have none.
const MARKERS: usize = 12;

const TICK: Font = Font::new(Anchor::Middle, 12.0, QUIET);

impl LineChart {
    /// Returns the chart as SVG.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let finite = |series: &Series| -> Vec<(f64, f64)> {
            series.points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
        };
        let lines: Vec<Vec<(f64, f64)>> = self.series.iter().take(STYLES.len()).map(finite).collect();
        let points = || lines.iter().flatten();
        let x = Scale::covering(points().map(|point| point.0), 10, PLOT_X);
        let y = match self.y_range {
            Some((low, high)) => Scale::covering([low, high], 5, PLOT_Y),
            None => Scale::covering(points().map(|point| point.1), 5, PLOT_Y),
        };
        let mut svg = Svg::new(SIZE.0, SIZE.1, &self.title, &self.description);
        svg.text((24.0, 34.0), Font::new(Anchor::Start, 18.0, INK).bold(), &fitted(&self.title, 18.0, SIZE.0 - 48.0));
        axes(&mut svg, (&x, &y), (&self.x_label, &self.y_label));
        self.draw_marks(&mut svg, &x);
        for (line, style) in lines.iter().zip(STYLES) {
            draw(&mut svg, line, style, (&x, &y));
        }
        self.draw_names(&mut svg, &lines, (&x, &y));
        svg.finish()
    }

    fn draw_marks(&self, svg: &mut Svg, x: &Scale) {
        for (index, mark) in self.marks.iter().filter(|mark| mark.x.is_finite()).enumerate() {
            let at = x.at(mark.x);
            svg.line((at, PLOT_Y.0), (at, PLOT_Y.1 - 4.0), Stroke { dashes: "3 3", ..Stroke::new(INK, 1.2) });
            let lower = (index % 2) as f64 * 13.0;
            svg.text((at, PLOT_Y.1 - 9.0 - lower), Font { colour: INK, ..TICK }, &mark.label);
        }
    }

    /// Names stand at the ends of their lines, one below the other.
    fn draw_names(&self, svg: &mut Svg, lines: &[Vec<(f64, f64)>], (x, y): (&Scale, &Scale)) {
        let mut ends: Vec<(f64, f64, usize)> = lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| line.last().map(|&(end_x, end_y)| (y.at(end_y), x.at(end_x), index)))
            .collect();
        ends.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.2.cmp(&other.2)));
        let lowest = PLOT_Y.0 - NAME_GAP * ends.len().saturating_sub(1) as f64;
        let mut next = f64::NEG_INFINITY;
        for (rank, (end_y, end_x, index)) in ends.into_iter().enumerate() {
            let at = end_y.min(lowest + NAME_GAP * rank as f64).max(next);
            next = at + NAME_GAP;
            let (colour, _, marker) = STYLES[index];
            svg.line((end_x + 6.0, end_y), (PLOT_X.1 + 14.0, at), Stroke::new(GRID, 1.0));
            svg.marker(marker, (PLOT_X.1 + 20.0, at), 4.0, colour);
            let font = Font::new(Anchor::Start, 13.0, INK).bold();
            let room = SIZE.0 - PLOT_X.1 - 38.0;
            svg.text((PLOT_X.1 + 30.0, at + 4.5), font, &fitted(&self.series[index].name, font.size, room));
        }
    }
}

fn draw(svg: &mut Svg, line: &[(f64, f64)], style: (&'static str, &'static str, Marker), scales: (&Scale, &Scale)) {
    let (colour, dashes, marker) = style;
    let points: Vec<(f64, f64)> = line.iter().map(|&(x, y)| (scales.0.at(x), scales.1.at(y))).collect();
    if points.len() > 1 {
        svg.polyline(&points, Stroke { dashes, ..Stroke::new(colour, 2.2) });
    }
    let every = points.len().div_ceil(MARKERS).max(1);
    for (_, &point) in points.iter().enumerate().filter(|(index, _)| index % every == 0 || index + 1 == points.len()) {
        svg.marker(marker, point, 3.4, colour);
    }
}

/// Grid, ticks and names of both axes.
pub(super) fn axes(svg: &mut Svg, (x, y): (&Scale, &Scale), (x_label, y_label): (&str, &str)) {
    let (left, right) = ends(x);
    let (bottom, top) = ends(y);
    for (value, text) in y.ticks() {
        let at = y.at(value);
        svg.line((left, at), (right, at), Stroke::new(GRID, 1.0));
        svg.text((left - 8.0, at + 4.0), Font { anchor: Anchor::End, ..TICK }, &text);
    }
    let ticks = x.ticks();
    let widest = ticks.iter().map(|(_, text)| width_of(text, TICK.size)).fold(0.0, f64::max);
    let room = (right - left) / ticks.len().max(1) as f64;
    let every = if room > widest + 6.0 { 1 } else { 2 };
    for (index, (value, text)) in ticks.iter().enumerate() {
        let at = x.at(*value);
        svg.line((at, bottom), (at, bottom + 5.0), Stroke::new(QUIET, 1.0));
        if index % every == 0 {
            svg.text((at, bottom + 19.0), TICK, text);
        }
    }
    svg.polyline(&[(left, top), (left, bottom), (right, bottom)], Stroke::new(QUIET, 1.2));
    svg.text((f64::midpoint(left, right), bottom + 42.0), Font { size: 13.0, ..TICK }, x_label);
    svg.text_upwards((left - 50.0, f64::midpoint(top, bottom)), Font { size: 13.0, ..TICK }, y_label);
}

fn ends(scale: &Scale) -> (f64, f64) {
    let ticks = scale.ticks();
    let at = |tick: Option<&(f64, String)>| tick.map_or(0.0, |(value, _)| scale.at(*value));
    (at(ticks.first()), at(ticks.last()))
}

/// A share as text, three decimals at most.
pub(super) fn share(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { number(0.0) }
}
