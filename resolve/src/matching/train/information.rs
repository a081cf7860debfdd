//! How far two fields tell the same of pairs.

use super::Counted;

/// Mutual information of two fields' levels where both are there, as a share
/// of the geometric mean of their entropies.
pub(super) fn information(one: usize, other: usize, counted: &Counted) -> f64 {
    let mut joint = [[0.0f64; 16]; 16];
    for (pattern, pairs) in counted.iter().filter(|(pattern, _)| pattern[one] > 0 && pattern[other] > 0) {
        joint[usize::from(pattern[one] & 15)][usize::from(pattern[other] & 15)] += pairs;
    }
    let rows: Vec<f64> = joint.iter().map(|row| row.iter().sum()).collect();
    let columns: Vec<f64> = (0..16).map(|column| joint.iter().map(|row| row[column]).sum()).collect();
    let total: f64 = rows.iter().sum();
    let entropy = |counts: &[f64]| -> f64 {
        counts.iter().filter(|&&count| count > 0.0).map(|count| -(count / total) * (count / total).ln()).sum()
    };
    let all: Vec<f64> = joint.concat();
    let (of_rows, of_columns) = (entropy(&rows), entropy(&columns));
    let scale = (of_rows * of_columns).sqrt();
    if total < 100.0 || scale < 1e-4 { 0.0 } else { (of_rows + of_columns - entropy(&all)) / scale }
}

#[cfg(test)]
mod tests {
    use super::super::tests::pattern;
    use super::*;

    #[test]
    fn information_is_none_for_independent_and_all_for_copied_fields() {
        let cells = |share: [[f64; 2]; 2]| -> Counted {
            (0..4u8)
                .map(|cell| {
                    (pattern([1 + cell / 2, 1 + cell % 2]), share[usize::from(cell / 2)][usize::from(cell % 2)])
                })
                .collect()
        };
        assert!(information(0, 1, &cells([[900.0, 90.0], [90.0, 9.0]])) < 1e-6);
        assert!(information(0, 1, &cells([[900.0, 0.0], [0.0, 100.0]])) > 0.999);
        assert!(information(0, 1, &Vec::new()) < 1e-6);
    }
}
