//! `tributary identity run --dry-run`: what each blocking rule proposes.

use crate::Result;
use crate::args::RunArgs;
use crate::config::Config;
use crate::progress::Progress;
use crate::report;
use crate::run::{Summary, begin_report, load_model, matched};
use std::io::Write;
use tributary_resolve::matching::explain::aligned;
use tributary_resolve::matching::{Options, Plan, plan};

/// Counts, prints what was counted on `out`, and writes no file.
pub(crate) fn dry_run(args: &RunArgs, threads: usize, out: &mut impl Write) -> Result<Summary> {
    let config = Config::load(args.input.config.as_deref())?;
    let model = args.model.as_deref().map(load_model).transpose()?;
    let input =
        config.read(&args.input.files, &args.input.key, args.evaluate_against.as_deref(), &args.input.ignore)?;
    let filled = begin_report(out, &input)?;
    let options = Options { copies_apart: args.link_only || args.one_to_one, ..config.options(threads, model) };
    let progress = Progress::begin("count", 0);
    let counted = matched(plan(input.table, &options), args.model.as_deref())?;
    progress.end();
    report::columns(out, &counted.recognised, &filled)?;
    print(&counted, out)?;
    Ok(Summary { records: counted.records, ..Summary::default() })
}

fn print(plan: &Plan, out: &mut impl Write) -> Result<()> {
    writeln!(out)?;
    for (column, values) in plan.generic_values.iter().filter(|(_, values)| *values > 0) {
        writeln!(out, "{column}: {values} values of many people, read as missing")?;
    }
    let titles = ["pairs", "keys", "shared", "too common", "largest blocks", "blocking rule"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    let mut rules: Vec<_> = plan.rules.iter().filter(|rule| rule.keys > 0).collect();
    rules.sort_by(|one, other| other.pairs.cmp(&one.pairs).then_with(|| one.name.cmp(&other.name)));
    for rule in rules {
        let largest: Vec<String> = rule.largest.iter().map(usize::to_string).collect();
        let counts = [rule.pairs.to_string(), rule.keys.to_string(), rule.open.to_string(), rule.closed.to_string()];
        rows.push(counts.into_iter().chain([largest.join(" "), rule.name.clone()]).collect());
    }
    write!(out, "{}", aligned(&rows, 0))?;
    let idle: Vec<&str> = plan.rules.iter().filter(|rule| rule.keys == 0).map(|rule| rule.name.as_str()).collect();
    if !idle.is_empty() {
        writeln!(out, "\n{} rules find nothing to look at: {}", idle.len(), idle.join("; "))?;
    }
    let Plan { copies, pairs, scored_max, carriers_max, partners_max, .. } = plan;
    if *copies > 0 {
        writeln!(out, "\n{copies} records say just what another says: they go with it, and are not counted above.")?;
    }
    writeln!(
        out,
        "\nA key is shared by 2 to {carriers_max} records; one that more carry is too common to propose pairs."
    )?;
    writeln!(out, "{pairs} different pairs are proposed; the best {partners_max} partners of each record are")?;
    writeln!(out, "looked at: at most {scored_max} pairs are scored. Nothing was scored or written.")?;
    Ok(())
}
