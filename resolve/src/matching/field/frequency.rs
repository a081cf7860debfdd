//! Frequencies of values in bands, for models whose weights of equal values fall
//! with the share of records that carry the value, as Splink adjusts by the
//! frequency of terms.

/// Bands: one for each quarter of a bit, and the last for a value of which the
/// frequency is not known.
pub(crate) const BANDS: u8 = 97;

/// Bands in one bit.
const A_BIT: f64 = 4.0;
/// The band of a value of which the frequency is not known.
pub(crate) const UNKNOWN: u8 = BANDS - 1;

/// The band of a value that this share of records carries, 0 to 1.
pub(crate) fn band(share: f64) -> u8 {
    let quarters = (-share.max(f64::MIN_POSITIVE).log2() * A_BIT).round();
    quarters.clamp(0.0, f64::from(UNKNOWN - 1)) as u8
}

/// The share of records that carry the values of a band, where it is known.
pub(crate) fn share(band: u8) -> Option<f64> {
    (band < UNKNOWN).then(|| (-f64::from(band) / A_BIT).exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_within_an_eighth_of_a_bit() {
        assert_eq!([band(1.0), band(0.5), band(0.0), band(2.0)], [0, 4, UNKNOWN - 1, 0]);
        assert_eq!(share(UNKNOWN), None);
        for number in 1..5000 {
            let exact = 1.0 / f64::from(number);
            let bits = (share(band(exact)).unwrap() / exact).log2();
            assert!(bits.abs() <= 0.125 + 1e-9, "{number} {bits}");
        }
    }
}
