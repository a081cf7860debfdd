//! Charts as SVG: the contributions to a match weight, lines over thresholds,
//! calibration. Pure: data in, text out, the same bytes for the same data.
//!
//! Every chart has a title and a description for those who do not see it,
//! tells its parts apart without colour, names generic fonts only, and needs
//! nothing from outside, so that it can be opened, mailed or put in a page.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of rows and ticks are small, and ticks cover what is drawn"
)]

mod calibration;
mod lines;
mod scale;
mod svg;
mod waterfall;

pub use calibration::{Calibration, CalibrationBin};
pub use lines::{LineChart, Mark, Series};
pub use waterfall::{Step, Waterfall};

#[cfg(test)]
mod tests;
