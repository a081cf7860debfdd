//! `tributary identity explain` and `how`: why records of files are one
//! person, or not, and how a profile came about.

use crate::args::{ExplainArgs, HowArgs};
use crate::output::check_folder;
use crate::resolved::{Resolved, print_json};
use crate::{Error, Result};
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use tributary_resolve::matching::explain::{Explanation, Items, Path as Evidence, Situation, WhyNot};

/// What `explain --json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    same_profile: bool,
    pair: &'a Explanation,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a Evidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<&'a WhyNot>,
}

/// Carries out `tributary identity explain`; `colour` allows escape sequences.
///
/// # Errors
/// Those of a run; [`Error::Usage`] if there is no such record, [`Error::Write`].
pub fn explain(args: &ExplainArgs, threads: usize, colour: bool, out: &mut impl Write) -> Result<()> {
    args.svg.as_deref().map_or(Ok(()), check_folder)?;
    let resolved = Resolved::new(&args.records, threads)?;
    let (one, other) = (resolved.row(&args.one)?, resolved.row(&args.other)?);
    if one == other {
        return Err(Error::Usage { reason: format!("{:?} is one record: name two", args.one) });
    }
    let items = resolved.items()?;
    let profiles = [resolved.members(one), resolved.members(other)];
    if profiles[0] == profiles[1] {
        let (path, pair) = (items.path(&profiles[0], one, other), items.pair(one, other));
        if args.records.json {
            print_json(out, &Answer { same_profile: true, pair: &pair, path: Some(&path), why_not: None })?;
        } else {
            write!(out, "{}", path.to_text(colour))?;
        }
        return write_svg(args.svg.as_deref(), &pair);
    }
    let situation = situation(&resolved, &items, (one, other), &profiles);
    let why_not = items.why_not((one, other), [&profiles[0], &profiles[1]], &situation);
    if args.records.json {
        print_json(out, &Answer { same_profile: false, pair: &why_not.pair, path: None, why_not: Some(&why_not) })?;
    } else {
        write!(out, "{}", why_not.to_text(colour))?;
    }
    write_svg(args.svg.as_deref(), &why_not.pair)
}

/// Carries out `tributary identity how`; `colour` allows escape sequences.
///
/// # Errors
/// Those of a run; [`Error::Usage`] if there is no such record.
pub fn how(args: &HowArgs, threads: usize, colour: bool, out: &mut impl Write) -> Result<()> {
    let resolved = Resolved::new(&args.records, threads)?;
    let members = resolved.members(resolved.row(&args.record)?);
    let history = resolved.items()?.how(&members);
    if args.records.json {
        return print_json(out, &history);
    }
    Ok(write!(out, "{}", history.to_text(colour))?)
}

/// What the run knows of two records of different profiles.
fn situation(
    resolved: &Resolved,
    items: &Items<'_>,
    (one, other): (u32, u32),
    [of_one, of_other]: &[Vec<u32>; 2],
) -> Situation {
    let between = |a: u32, b: u32| of_one.contains(&a) && of_other.contains(&b);
    let candidate =
        resolved.outcome.pairs.iter().any(|pair| between(pair.one, pair.other) || between(pair.other, pair.one));
    let identifiers = |members: &[u32]| members.iter().flat_map(|&row| items.exclusive(row)).next().cloned();
    let limit = match (identifiers(of_one), identifiers(of_other)) {
        (Some(one), Some(other)) if one != other => Some(format!("{one} and {other}")),
        _ => None,
    };
    Situation {
        candidate: Some(candidate),
        shared_keys: if candidate { Vec::new() } else { items.shared_keys(one, other) },
        limits: limit.into_iter().collect(),
        never_together: None,
    }
}

fn write_svg(path: Option<&Path>, pair: &Explanation) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, pair.waterfall().to_svg()).map_err(Error::write(path))
}
