//! The report as text.

use super::explain::{Contents, Merge};
use super::folder::Folder;
use super::measures::Nps;
use super::report::{ProfileFigures, Report, SAMPLE_QUERY, SEGMENTS, SourceFigures};
use super::truth::Agreement;
use super::undo::Undone;
use super::{DemoArgs, LogKind, server};
use indicatif::HumanCount;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// Where the server answers when it is started without addresses.
const ADMIN: &str = "http://127.0.0.1:8091";

/// Prints the report on standard output.
///
/// # Errors
/// If it cannot be written.
pub fn print(report: &Report, args: &DemoArgs, folder: &Folder, took: Duration) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let log = match args.log {
        LogKind::Embedded => "embedded log",
        LogKind::Kafka => "Kafka log",
    };
    let people = HumanCount(args.people.into());
    writeln!(out, "\nTributary demo: {people} people, seed {}, {log}, {:.0} s", args.seed, took.as_secs_f64())?;
    sources(&mut out, &report.sources)?;
    profiles(&mut out, &report.profiles)?;
    writeln!(out, "\nThree merges explained")?;
    for (index, merge) in report.merges.iter().enumerate() {
        explained(&mut out, index + 1, merge)?;
    }
    if let Some(undone) = &report.undone {
        undone_and_made_again(&mut out, undone)?;
    }
    writeln!(out, "  {} pairs wait in the review queue (/v1/identity/review)", HumanCount(report.review))?;
    segments(&mut out, report)?;
    nps(&mut out, report.nps)?;
    pipeline(&mut out, report)?;
    go_on(&mut out, report, args, folder)?;
    Ok(out.flush()?)
}

fn sources(out: &mut impl Write, sources: &[SourceFigures]) -> io::Result<()> {
    writeln!(out, "\nWhat came in\n  {:<14}{:>10}{:>10}{:>10}{:>10}", "source", "sent", "events", "failed", "repeats")?;
    let mut line = |name: &str, figures: [u64; 4]| {
        let [sent, events, failed, repeats] = figures.map(|figure| HumanCount(figure).to_string());
        writeln!(out, "  {name:<14}{sent:>10}{events:>10}{failed:>10}{repeats:>10}")
    };
    let mut totals = [0; 4];
    for source in sources {
        let figures = [source.sent, source.events, source.failed, source.repeats];
        line(&source.source, figures)?;
        totals.iter_mut().zip(figures).for_each(|(total, figure)| *total += figure);
    }
    line("total", totals)
}

fn profiles(out: &mut impl Write, figures: &ProfileFigures) -> io::Result<()> {
    let agreement = &figures.agreement;
    let count = HumanCount;
    writeln!(out, "\nWhat came out")?;
    writeln!(
        out,
        "  {} profiles with {} identifiers; {} source records of {} people are in {} of them",
        count(figures.profiles),
        count(figures.identities),
        count(agreement.source_records),
        count(figures.people.into()),
        count(agreement.profiles)
    )?;
    writeln!(out, "  pairs of source records against the truth")?;
    stage(out, "identifiers alone", &figures.by_identifiers)?;
    stage(out, "and contents matched", agreement)?;
    writeln!(
        out,
        "    {} pairs of one person were planted; in {} of them one side names nobody, so that nothing could tell;",
        count(agreement.pairs_planted),
        count(agreement.pairs_hidden)
    )?;
    writeln!(out, "    recall of the others {:.3}", agreement.recall_of_told())?;
    let changes: Vec<String> = figures.changes.iter().map(|(change, n)| format!("{} {change}", count(*n))).collect();
    writeln!(out, "  history: {} (profile_changes)", changes.join(", "))
}

fn stage(out: &mut impl Write, name: &str, agreement: &Agreement) -> io::Result<()> {
    let count = HumanCount;
    writeln!(
        out,
        "    {name}: precision {:.3}, recall {:.3}, of pairs that identifiers connect {:.3}",
        agreement.precision(),
        agreement.recall(),
        agreement.recall_of_connected()
    )?;
    writeln!(
        out,
        "      {} pairs joined, {} of them right; {} of {} connected pairs found",
        count(agreement.pairs_joined),
        count(agreement.pairs_right),
        count(agreement.pairs_found),
        count(agreement.pairs_connected)
    )
}

fn explained(out: &mut impl Write, number: usize, merge: &Merge) -> io::Result<()> {
    writeln!(out, "  {number}. {}, profile {}, in profile_changes: {}", merge.name, merge.profile_id, merge.changes)?;
    for held in &merge.holds {
        let sources: Vec<&str> = held.sources.iter().map(String::as_str).collect();
        writeln!(out, "     holds  {:<50} {:>4} from {}", held.node, held.records, sources.join(", "))?;
    }
    for join in &merge.joins {
        let day = join.at.get(..10).unwrap_or(&join.at);
        writeln!(out, "     joined {} with {}: {} {} of {day}", join.a, join.b, join.source, join.kind)?;
    }
    merge.contents.as_ref().map_or(Ok(()), |contents| by_contents(out, contents))
}

fn by_contents(out: &mut impl Write, contents: &Contents) -> io::Result<()> {
    let Contents { records: [one, other], prior, contributions, match_weight, match_probability } = contents;
    writeln!(out, "     matched {one} with {other}, which no identifier connects:")?;
    writeln!(out, "       {prior:+8.2} bits  any two records")?;
    for contribution in contributions {
        writeln!(out, "       {:+8.2} bits  {}", contribution.match_weight, contribution.compared.join("; "))?;
    }
    writeln!(out, "     = {match_weight:+8.2} bits, {:.2} % the same person", 100.0 * match_probability)
}

fn undone_and_made_again(out: &mut impl Write, undone: &Undone) -> io::Result<()> {
    let [one, other] = &undone.records;
    let said = |is_one: bool| if is_one { "one profile" } else { "two profiles" };
    let [before, between, after] =
        undone.moments.each_ref().map(|moment| (moment.is_one(), HumanCount(moment.profiles)));
    writeln!(out, "\nThe last one undone, and made again")?;
    writeln!(out, "  {one} and {other}")?;
    writeln!(out, "  before: {}, {} in all", said(before.0), before.1)?;
    writeln!(out, "  decided to be never together: {}, {} in all", said(between.0), between.1)?;
    writeln!(out, "  the decision undone: {}, {} in all", said(after.0), after.1)
}

fn segments(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, "\nSegments, as of 2026-07-01")?;
    for (figures, segment) in report.segments.iter().zip(&SEGMENTS) {
        writeln!(out, "  {:>8}  {:<14} {}", HumanCount(figures.count).to_string(), figures.name, segment.meaning)?;
    }
    Ok(())
}

fn nps(out: &mut impl Write, nps: Nps) -> io::Result<()> {
    let (Some(score), Some(margin)) = (nps.score(), nps.margin()) else {
        return writeln!(out, "\nNet promoter score\n  nobody answered");
    };
    writeln!(
        out,
        "\nNet promoter score\n  {score:+.1} ± {margin:.1} (95 %), of the newest answer of {} people",
        nps.answers()
    )?;
    let Nps { promoters, passives, detractors } = nps;
    writeln!(out, "  {promoters} promoters (9-10), {passives} passives (7-8), {detractors} detractors (0-6)")?;
    writeln!(out, "  100 (p - d), Reichheld 2003; margin 1.96 * 100 * sqrt((p + d - (p - d)^2) / n)")
}

fn pipeline(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, "\nPipeline\n  {:<14}{:>8}{:>20}", "stage", "deals", "amount in EUR")?;
    for stage in &report.pipeline {
        let amount = format!("{}.{:02}", HumanCount(stage.cents / 100), stage.cents % 100);
        writeln!(out, "  {:<14}{:>8}{amount:>20}", stage.name, HumanCount(stage.deals).to_string())?;
    }
    Ok(())
}

fn go_on(out: &mut impl Write, report: &Report, args: &DemoArgs, folder: &Folder) -> anyhow::Result<()> {
    let program = shortened(&server::program()?);
    let (data, files) = (shortened(&folder.data), shortened(&folder.files()));
    writeln!(out, "\nGo on")?;
    writeln!(out, "  start the server on these records and keep it running (it answers at {ADMIN}):")?;
    writeln!(out, "    {program} run --config {files}/tributary.yaml")?;
    if let (LogKind::Kafka, Some(brokers)) = (args.log, &args.brokers) {
        writeln!(out, "    (its log is in the brokers at {brokers}: as long as they run and keep its topic)")?;
    }
    if let Some(path) = &report.profile_path {
        writeln!(out, "  look at a profile, once it runs:\n    curl -s {ADMIN}{path}")?;
    }
    writeln!(out, "  ask the tables, with or without the server:")?;
    writeln!(out, "    {program} sql --data-dir {data} \"{SAMPLE_QUERY}\"")?;
    writeln!(out, "  count a segment of your own:")?;
    writeln!(out, "    {program} segment count --data-dir {data} {files}/segments/{}", SEGMENTS[0].file)?;
    Ok(())
}

/// A path as one would type it here, quoted where a shell needs it.
fn shortened(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let text = match path.strip_prefix(&here) {
        Ok(inside) => format!("./{}", inside.display()),
        Err(_) => path.display().to_string(),
    };
    let plain = text.chars().all(|c| c.is_alphanumeric() || "./_-".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
