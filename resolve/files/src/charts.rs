//! Charts of scored pairs: precision and recall over thresholds, calibration.

use crate::quality::{Agreement, Calibration};
use crate::{Error, Result};
use std::path::Path;
use tributary_resolve::chart;

/// Writes `thresholds.svg` and `calibration.svg` into a folder, which is made
/// if it is not there. `weights` are in bits, rising.
pub(crate) fn write(folder: &Path, weights: &[f64], found: &[Agreement], calibration: &Calibration) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
    let files = [("thresholds.svg", thresholds(weights, found)), ("calibration.svg", calibrated(calibration))];
    for (name, svg) in files {
        let path = folder.join(name);
        std::fs::write(&path, svg).map_err(Error::write(&path))?;
    }
    Ok(())
}

fn thresholds(weights: &[f64], found: &[Agreement]) -> String {
    let series = |name: &str, of: fn(&Agreement) -> f64| chart::Series {
        name: name.to_owned(),
        points: weights.iter().copied().zip(found.iter().map(of)).collect(),
    };
    chart::LineChart {
        title: "Pairs at or above a match weight".to_owned(),
        description: "Precision, recall and F1 of the scored pairs over the least match weight".to_owned(),
        x_label: "least match weight, bits".to_owned(),
        y_label: "share of pairs".to_owned(),
        y_range: Some((0.0, 1.0)),
        series: vec![
            series("precision", |agreement| agreement.precision),
            series("recall", |agreement| agreement.recall),
            series("F1", |agreement| agreement.f1()),
        ],
        marks: Vec::new(),
    }
    .to_svg()
}

fn calibrated(calibration: &Calibration) -> String {
    chart::Calibration {
        title: "Claimed and true probabilities".to_owned(),
        description: "Of the pairs in each bin of match probability, the mean claimed and the share that matches"
            .to_owned(),
        bins: calibration.rows().filter(|bin| bin.pairs > 0).collect(),
    }
    .to_svg()
}
