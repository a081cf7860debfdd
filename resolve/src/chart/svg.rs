//! A writer of SVG: shapes and texts, nothing else. Texts are escaped, and
//! numbers have at most two decimals, so that the bytes are stable.

use std::fmt::Write as _;

/// Colours that differ in lightness too (Okabe and Ito 2008).
pub(super) const BLUE: &str = "#0072b2";
pub(super) const ORANGE: &str = "#e69f00";
pub(super) const RED: &str = "#d55e00";
pub(super) const GREEN: &str = "#009e73";
pub(super) const PURPLE: &str = "#cc79a7";
pub(super) const INK: &str = "#222222";
pub(super) const QUIET: &str = "#5f5f5f";
pub(super) const GRID: &str = "#dddddd";

/// Where a text stands about its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Font {
    pub(super) anchor: Anchor,
    /// In pixels.
    pub(super) size: f64,
    pub(super) colour: &'static str,
    pub(super) bold: bool,
}

impl Font {
    pub(super) const fn new(anchor: Anchor, size: f64, colour: &'static str) -> Self {
        Self { anchor, size, colour, bold: false }
    }

    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) colour: &'static str,
    pub(super) width: f64,
    /// Lengths of dashes and gaps; empty is a whole line.
    pub(super) dashes: &'static str,
}

impl Stroke {
    pub(super) const fn new(colour: &'static str, width: f64) -> Self {
        Self { colour, width, dashes: "" }
    }
}

/// What marks the points of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
}

/// A picture in the making.
pub(super) struct Svg(String);

impl Svg {
    /// Starts a picture of this size in pixels on white ground.
    pub(super) fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        let (width, height) = (number(width), number(height));
        let mut svg = Self(String::with_capacity(8 << 10));
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\">\n\
             <title>{}</title>\n<desc>{}</desc>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
            escaped(title),
            escaped(description),
        ));
        svg
    }

    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), fill: &str) {
        let [x, y, width, height] = [x, y, width, height].map(number);
        self.put(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>\n"));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        self.polyline(&[from, to], stroke);
    }

    pub(super) fn polyline(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        self.put(format_args!("<path d=\"{}\" fill=\"none\" {}/>\n", path(points), stroke_of(stroke)));
    }

    pub(super) fn marker(&mut self, marker: Marker, (x, y): (f64, f64), radius: f64, fill: &str) {
        let corners: &[(f64, f64)] = match marker {
            Marker::Circle => {
                let [x, y, radius] = [x, y, radius].map(number);
                return self.put(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{fill}\"/>\n"));
            }
            Marker::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Marker::Triangle => &[(0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)],
            Marker::Diamond => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
        };
        let points: Vec<(f64, f64)> = corners.iter().map(|(dx, dy)| (x + dx * radius, y + dy * radius)).collect();
        self.put(format_args!("<path d=\"{}Z\" fill=\"{fill}\"/>\n", path(&points)));
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), font: Font, text: &str) {
        let anchor = match font.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if font.bold { " font-weight=\"bold\"" } else { "" };
        let ([x, y, size], colour) = ([x, y, font.size].map(number), font.colour);
        self.put(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{colour}\"{weight}>{}</text>\n",
            escaped(text),
        ));
    }

    /// A text that runs upwards.
    pub(super) fn text_upwards(&mut self, (x, y): (f64, f64), font: Font, text: &str) {
        let [x, y] = [x, y].map(number);
        self.put(format_args!("<g transform=\"translate({x} {y}) rotate(-90)\">\n"));
        self.text((0.0, 0.0), font, text);
        self.0.push_str("</g>\n");
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = self.0.write_fmt(text);
    }
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::with_capacity(points.len() * 12);
    for (index, &(x, y)) in points.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", number(x), number(y));
    }
    path
}

fn stroke_of(stroke: Stroke) -> String {
    let Stroke { colour, width, dashes } = stroke;
    let dashed = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") };
    format!("stroke=\"{colour}\" stroke-width=\"{}\"{dashed}", number(width))
}

/// A number with at most two decimals; what is no number is 0.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.2}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// Text for XML: its five signs escaped, characters it forbids replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
    out
}

/// Width of a text about as generic fonts set it, in pixels.
pub(super) fn width_of(text: &str, size: f64) -> f64 {
    let of = |character: char| match character {
        'i' | 'l' | 'j' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' | '|' | '\'' | '(' | ')' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' => 0.92,
        '\u{1100}'.. => 1.0,
        'A'..='Z' => 0.72,
        _ => 0.63,
    };
    text.chars().map(of).sum::<f64>() * size
}

/// The text, cut with an ellipsis where it is wider than `width` pixels.
pub(super) fn fitted(text: &str, size: f64, width: f64) -> String {
    if width_of(text, size) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if width_of(&kept, size) > width - size {
            kept.pop();
            break;
        }
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}
