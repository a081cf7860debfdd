//! Charts of ordinary and of odd data are valid XML, stable and complete.

use super::*;
use std::collections::BTreeMap;

/// Elements and texts of a document; panics where it is not well formed.
fn parsed(svg: &str) -> (BTreeMap<String, usize>, Vec<String>) {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    let (mut elements, mut texts, mut depth) = (BTreeMap::new(), Vec::new(), 0);
    let mut text = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) => {
                element.attributes().for_each(|attribute| drop(attribute.unwrap()));
                *elements.entry(String::from_utf8(element.name().as_ref().to_vec()).unwrap()).or_default() += 1;
                depth += 1;
            }
            Event::Empty(element) => {
                element.attributes().for_each(|attribute| drop(attribute.unwrap()));
                *elements.entry(String::from_utf8(element.name().as_ref().to_vec()).unwrap()).or_default() += 1;
            }
            Event::Text(part) => text.push_str(&part.decode().unwrap()),
            Event::GeneralRef(reference) => text.push(resolve(&reference)),
            Event::End(_) => {
                depth -= 1;
                texts.extend(Some(std::mem::take(&mut text)).filter(|text| !text.trim().is_empty()));
            }
            Event::Eof => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(depth, 0);
    (elements, texts.iter().map(|text| text.trim().to_owned()).collect())
}

fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> char {
    if let Some(character) = reference.resolve_char_ref().unwrap() {
        return character;
    }
    match &*reference.decode().unwrap() {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        other => panic!("unknown entity {other}"),
    }
}

fn step(label: &str, value: f64) -> Step {
    Step { label: label.into(), detail: format!("{label} detail"), value }
}

fn waterfall(start: f64, values: &[f64]) -> Waterfall {
    Waterfall {
        title: "Why <a> & \"b\"".into(),
        description: "Contributions\u{0} to a weight".into(),
        unit: "bits".into(),
        start: step("prior", start),
        steps: values.iter().map(|&value| step("name 'x'", value)).collect(),
        total: ("match weight".into(), String::new()),
    }
}

#[test]
fn a_waterfall_shows_every_part_and_their_sum() {
    let chart = waterfall(-14.5, &[9.25, -1.0, 12.75]);
    let (elements, texts) = parsed(&chart.to_svg());
    assert_eq!((elements["title"], elements["desc"]), (1, 1));
    // Ground, start, three steps, total.
    assert_eq!(elements["rect"], 6);
    for expected in ["Why <a> & \"b\"", "−14.50", "+9.25", "−1.00", "+12.75", "6.50", "name 'x'", "bits"] {
        assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
    }
    assert_eq!(chart.to_svg(), chart.clone().to_svg());
}

#[test]
fn a_line_chart_names_its_lines_and_marks() {
    let series = |name: &str, value: f64| Series {
        name: name.into(),
        points: (0..=20).map(|step| (f64::from(step) / 20.0, value)).chain([(2.0, f64::NAN)]).collect(),
    };
    let chart = LineChart {
        title: "Thresholds".into(),
        description: "Precision and recall over the cut".into(),
        x_label: "cut".into(),
        y_label: "share".into(),
        y_range: None,
        series: vec![series("precision", 0.99), series("recall", 0.99), series("F1 <b>", 0.985)],
        marks: vec![Mark { x: 0.4, label: "cut .4".into() }],
    };
    let (_, texts) = parsed(&chart.to_svg());
    for expected in ["precision", "recall", "F1 <b>", "cut .4", "cut", "share", "0.990"] {
        assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
    }
}

#[test]
fn a_calibration_chart_lists_every_bin() {
    let bin =
        |from, to, pairs, observed| CalibrationBin { from, to, pairs, claimed: f64::midpoint(from, to), observed };
    let chart = Calibration {
        title: "Calibration".into(),
        description: "Claimed and true".into(),
        bins: vec![bin(0.5, 0.7, 1234, 0.61), bin(0.7, 0.9, 0, f64::NAN), bin(0.9, 1.0, 5_000_000, 0.953)],
    };
    let (elements, texts) = parsed(&chart.to_svg());
    assert_eq!(elements["circle"], 2);
    for expected in ["[0.50, 0.70)", "[0.90, 1.00]", "1\u{202f}234", "5\u{202f}000\u{202f}000", "0.610", "–"] {
        assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
    }
}

#[test]
fn odd_data_still_gives_pictures() {
    for values in [&[][..], &[0.0], &[f64::NAN, 1.0], &[f64::INFINITY], &[1e12, -1e12], &[1e-12]] {
        parsed(&waterfall(values.first().copied().unwrap_or_default(), values).to_svg());
        let chart = LineChart {
            title: String::new(),
            description: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            y_range: Some((1.0, 1.0)),
            series: vec![Series { name: "\u{1f}s".into(), points: values.iter().map(|&y| (y, y)).collect() }; 7],
            marks: values.iter().map(|&x| Mark { x, label: "\u{ffff}".into() }).collect(),
        };
        parsed(&chart.to_svg());
    }
    parsed(&Calibration { title: String::new(), description: String::new(), bins: Vec::new() }.to_svg());
}

#[test]
fn ticks_are_round_and_cover_the_values() {
    let check = |low: f64, high: f64, expected: &[&str]| {
        let scale = scale::Scale::covering([low, high], 5, (0.0, 100.0));
        let texts: Vec<String> = scale.ticks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, expected, "{low} {high}");
    };
    check(0.0, 1.0, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    check(-14.3, 21.0, &["−20", "−10", "0", "10", "20", "30"]);
    check(0.981, 0.9899, &["0.980", "0.982", "0.984", "0.986", "0.988", "0.990"]);
    check(7.0, 7.0, &["7.0", "7.2", "7.4", "7.6", "7.8", "8.0"]);
}
