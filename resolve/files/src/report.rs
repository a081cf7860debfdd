//! What a command says: what each column was taken for, what came out, how
//! good it is. No value of a record is ever printed.

use crate::quality::{Agreement, Calibration, Quality};
use std::io::{Result, Write};
use std::time::Duration;
use tributary_resolve::chart::CalibrationBin;
use tributary_resolve::matching::{Ignored, Recognised, Role};

/// How a role is called and compared.
fn described(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::GivenName => ("given name", "nicknames, initials, slips, swapped with the family name"),
        Role::FamilyName => ("family name", "slips, swapped with the given name"),
        Role::FullName => ("whole name", "words in any order, nicknames, initials, slips"),
        Role::BirthDate => ("birth date", "slips, day and month swapped, same year"),
        Role::BirthYear => ("year of birth", "as part of the birth date"),
        Role::BirthMonth => ("month of birth", "as part of the birth date"),
        Role::BirthDay => ("day of birth", "as part of the birth date"),
        Role::Email => ("email", "whole, the part before @, slips"),
        Role::Phone => ("phone", "digits, slips"),
        Role::HouseNumber => ("house number", "as part of the street"),
        Role::Street => ("street", "words, abbreviations, slips"),
        Role::SecondLine => ("second address line", "words, slips"),
        Role::City => ("town", "words, slips"),
        Role::Postcode => ("postcode", "whole, its area, slips"),
        Role::Region => ("region", "equal or not"),
        Role::NationalId => ("national id", "digits, slips"),
        Role::UserId => ("user id", "equal or not; joins by itself"),
        Role::Device => ("device", "equal or not"),
        Role::SourceId => ("id of a source", "equal or not"),
        Role::Text => ("word", "words, slips"),
        Role::Ignored(reason) => ("not compared", ignored(reason)),
    }
}

fn ignored(reason: Ignored) -> &'static str {
    match reason {
        Ignored::Constant => "one value or none",
        Ignored::NamesTheRow => "another value in every row",
        Ignored::Answer => "named as the right answer, which is not to be read",
        Ignored::AboutTheRecord => "about the record, not the person",
        Ignored::UnknownCode => "codes of unknown meaning",
        Ignored::Redundant => "other columns say the same",
        Ignored::OneTooMany => "more columns than can be compared",
    }
}

/// Prints what each column was taken for; `filled` has the share of rows with
/// a value, by name.
pub(crate) fn columns(out: &mut impl Write, found: &[Recognised], filled: &[(String, f64)]) -> Result<()> {
    let share = |name: &str| filled.iter().find(|(known, _)| known == name).map_or(0.0, |(_, share)| *share);
    let width = found.iter().map(|found| found.column.chars().count()).max().unwrap_or_default().max(6);
    writeln!(out, "{:width$}  {:>6}  {:19}  compared by", "column", "filled", "taken for")?;
    for found in found {
        let (role, how) = described(found.role);
        let filled = share(&found.column) * 100.0;
        writeln!(out, "{:width$}  {filled:>5.1}%  {role:19}  {how}", found.column)?;
    }
    Ok(())
}

/// Prints how good clusters are.
pub(crate) fn quality(out: &mut impl Write, quality: &Quality) -> Result<()> {
    writeln!(out, "\nagainst the right answers of {} records", quality.records)?;
    for (name, agreement) in
        [("pairs", quality.pairs), ("B-cubed", quality.b_cubed), ("whole clusters", quality.clusters)]
    {
        let (precision, recall, f1) = (agreement.precision, agreement.recall, agreement.f1());
        writeln!(out, "  {name:14}  precision {precision:.4}  recall {recall:.4}  F1 {f1:.4}")?;
    }
    let Quality { found, wanted, false_pairs, true_pairs, largest, largest_wanted, .. } = quality;
    writeln!(out, "  clusters {found} of {wanted}, false pairs {false_pairs} beside {true_pairs} true")?;
    let sizes: Vec<String> = largest.iter().map(usize::to_string).collect();
    writeln!(out, "  largest clusters {} (of the right answers {largest_wanted})", sizes.join(" "))
}

/// Says how many of the true pairs were not looked for.
pub(crate) fn within_files(out: &mut impl Write, pairs: u64) -> Result<()> {
    if pairs == 0 {
        return Ok(());
    }
    Ok(writeln!(out, "  {pairs} of the true pairs are within one file: --link-only looks for none of them")?)
}

/// Prints what was claimed of pairs beside what is true.
pub(crate) fn calibration(out: &mut impl Write, calibration: &Calibration) -> Result<()> {
    writeln!(out, "\nclaimed probability      pairs  claimed   true")?;
    for CalibrationBin { from, to, pairs, claimed, observed } in calibration.rows().filter(|bin| bin.pairs > 0) {
        writeln!(out, "  {from:.2} to {to:.2}   {pairs:>12}    {claimed:.3}  {observed:.3}")?;
    }
    Ok(())
}

/// Prints the agreement of pairs at or above weights in bits.
pub(crate) fn thresholds(out: &mut impl Write, weights: &[f64], found: &[Agreement]) -> Result<()> {
    writeln!(out, "\nmatch weight from  precision  recall      F1")?;
    for (weight, agreement) in weights.iter().zip(found) {
        let (precision, recall, f1) = (agreement.precision, agreement.recall, agreement.f1());
        writeln!(out, "  {weight:>15.1}     {precision:.4}  {recall:.4}  {f1:.4}")?;
    }
    Ok(())
}

/// CPU time of this process, and the most memory it held, where the system tells.
pub(crate) fn usage() -> Option<(Duration, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // Linux counts these in hundredths of a second, whatever its timer does.
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes = line.split_whitespace().next()?.parse::<u64>().ok()?;
    Some((Duration::from_millis(ticks * 10), kibibytes * 1024))
}
