//! Telephone numbers of the ranges that regulators keep for fiction, so that
//! no real person can be reached.

/// Numbers that are alike but for an area and the last digits.
struct Range {
    country_code: &'static str,
    /// Areas between spaces; `_` is a space within one.
    areas: &'static str,
    /// What follows the area.
    exchange: &'static str,
    /// How many digits behind it are free.
    free: u32,
}

/// Ofcom's: two without a place, and one of each large city.
const BRITISH: Range = Range {
    country_code: "+44",
    areas: "7700_900 1632_960 113_496_0 114_496_0 115_496_0 116_496_0 117_496_0 118_496_0 121_496_0 131_496_0 141_496_0 \
        151_496_0 161_496_0 191_498_0 20_7946_0 28_9649_6 29_2018_0",
    exchange: "",
    free: 3,
};

/// The North American 555-01xx.
const AMERICAN: Range = Range {
    country_code: "+1",
    areas: "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 \
        248 251 252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 \
        315 316 317 318 319 320 321 323 325 330 334 336 337 339 347 351 352 360 361 386 401 402 404 405 406 \
        407 408 409 410 412 413 414 415 417 419 423 425 432 434 435 440 443 469 478 479 480 484 501 502 503 \
        504 505 507 508 509 510 512 513 515 516 517 518 520 530 540 541 551 559 561 562 563 567 570 571 573 \
        574 580 585 586 601 602 603",
    exchange: " 555 01",
    free: 2,
};

/// ARCEP's, one for each numbering zone and one of mobiles.
const FRENCH: Range =
    Range { country_code: "+33", areas: "1_99_00 2_61_91 3_53_01 4_65_71 5_36_49 6_39_98", exchange: " ", free: 4 };

/// The Bundesnetzagentur's, of five cities.
const GERMAN: Range =
    Range { country_code: "+49", areas: "30_23125 69_90009 40_66969 221_4710 89_99998", exchange: " ", free: 3 };

/// A multiplier that scatters numbers which follow each other; it has no
/// factor in common with the size of any range, so that none comes twice
/// before every other did.
const SCATTER: u64 = 7919;

/// The number of `place` in the range that stands for a country: different
/// places have different numbers until the range is used up.
pub fn phone(country: &str, place: u32) -> String {
    let range = match country {
        "GB" | "GR" | "IN" => &BRITISH,
        "DE" => &GERMAN,
        "FR" | "EG" | "PL" | "TR" => &FRENCH,
        _ => &AMERICAN,
    };
    let free = 10_u64.pow(range.free);
    let areas: Vec<&str> = range.areas.split_whitespace().collect();
    let number = u64::from(place) * SCATTER % (areas.len() as u64 * free);
    let area = areas[usize::try_from(number / free).unwrap_or_default()].replace('_', " ");
    let (country_code, exchange, width) = (range.country_code, range.exchange, range.free as usize);
    format!("{country_code} {area}{exchange}{:0width$}", number % free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use tributary_protocol::{Identifier, KIND_PHONE};

    #[test]
    fn numbers_are_whole_and_differ_until_a_range_is_used_up() {
        for (country, size, digits) in [("GB", 17_000, 12), ("US", 13_200, 11), ("FR", 60_000, 11), ("DE", 5_000, 12)] {
            let numbers: HashSet<String> = (0..size).map(|place| phone(country, place)).collect();
            assert_eq!(numbers.len(), size as usize, "{country}");
            assert_eq!(phone(country, size), phone(country, 0), "{country}");
            for number in numbers.iter().take(50) {
                let normal = Identifier::new(KIND_PHONE, number).unwrap().value;
                assert!((digits - 1..=digits + 1).contains(&(normal.len() - 1)), "{number} {normal}");
            }
        }
    }
}
