//! `tributary identity label`: asks which pairs of records are one person, the
//! most useful pairs first, and keeps the answers as a file of labels.
//!
//! ```text
//! FILE... --run--> Outcome --choose--> pairs --card--> shown --answer--> labels file
//! ```

mod card;
mod kept;
mod session;

use crate::args::LabelArgs;
use crate::config::Config;
use crate::input::Input;
use crate::labels::Judged;
use crate::run::{begin_report, load_model, resolve};
use crate::{Error, Result, report};
use card::Cards;
use kept::Kept;
use session::Session;
use std::io::{BufRead, Write};
use std::path::Path;
use tributary_resolve::matching::choose;

/// What was answered, in this session and before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Pairs that are one person.
    pub same: usize,
    /// Pairs that are two people.
    pub different: usize,
    /// Pairs nobody could tell.
    pub unsure: usize,
}

impl Answers {
    /// Counts one more answer; none if nobody could tell.
    fn add(&mut self, answer: Option<bool>) {
        *self.counter(answer) += 1;
    }

    fn take_back(&mut self, answer: Option<bool>) {
        *self.counter(answer) -= 1;
    }

    fn counter(&mut self, answer: Option<bool>) -> &mut usize {
        match answer {
            Some(true) => &mut self.same,
            Some(false) => &mut self.different,
            None => &mut self.unsure,
        }
    }

    /// All of them.
    #[must_use]
    pub fn count(&self) -> usize {
        self.same + self.different + self.unsure
    }
}

/// Carries out `tributary identity label`: asks on `out`, and takes one answer
/// from each line of `replies`; their end is the end of the session. `colour`
/// allows escape sequences. Each answer is on disk before the next is asked.
///
/// # Errors
/// Those of a run; [`Error::Format`] if the file of `--out` is no labels file
/// of this command, [`Error::Usage`] if another session has it open,
/// [`Error::Write`], [`Error::Replies`].
pub fn label(
    args: &LabelArgs,
    threads: usize,
    colour: bool,
    replies: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<Answers> {
    check_out(args)?;
    let config = Config::load(args.input.config.as_deref())?;
    let model = args.model.as_deref().map(load_model).transpose()?;
    let mut input = config.read(&args.input.files, &args.input.key, None, &args.input.ignore)?;
    let kept = Kept::open(&args.out, input.sources.len() > 1)?;
    let judged = Judged::read(&args.out, &input)?;
    let filled = begin_report(out, &input)?;
    let table = input.table.clone();
    let options = config.options(threads, model);
    let outcome = resolve(&mut input, &options, args.model.as_deref())?;
    input.table = table;
    report::columns(out, &outcome.recognised, &filled)?;

    let mut answers = Answers::default();
    judged.pairs.iter().for_each(|&(.., answer)| answers.add(answer));
    let asked: Vec<(u32, u32)> = judged.pairs.iter().map(|&(one, other, _)| (one, other)).collect();
    let questions = choose(&outcome, &asked, args.count, args.seed);
    let cards = Cards::new(&input, &outcome, config.cut, &questions)?;
    let mut session = Session { cards: &cards, input: &input, colour, kept, answers };
    let left = session.ask(&questions, replies, out)?;
    let answers = session.answers;
    end(args, answers, questions.len(), left, out)?;
    Ok(answers)
}

/// Refuses to write answers over what is read.
fn check_out(args: &LabelArgs) -> Result<()> {
    let same = |path: &&std::path::PathBuf| match (path.canonicalize(), args.out.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => **path == args.out,
    };
    let read = args.input.files.iter().chain(&args.input.config).chain(&args.model);
    let Some(path) = read.into_iter().find(same) else { return Ok(()) };
    let reason = format!("{} would be written over: give the labels another name", path.display());
    Err(Error::Usage { reason })
}

/// Says what there is and how to go on.
fn end(args: &LabelArgs, answers: Answers, asked: usize, left: usize, out: &mut impl Write) -> Result<()> {
    let Answers { same, different, unsure } = answers;
    let name = args.out.display();
    if asked == 0 {
        writeln!(out, "\nno pair is left to ask about")?;
    }
    writeln!(out, "\n{name}: {} answers: {same} same, {different} different, {unsure} unsure", answers.count())?;
    if left > 0 {
        writeln!(out, "{left} pairs were not asked about: the same command goes on with them")?;
    }
    let files: Vec<String> = args.input.files.iter().map(|path| quoted(path)).collect();
    let mut command =
        format!("tributary identity train {} --key {}", files.join(" "), quoted(Path::new(&args.input.key)));
    let ignored = args.input.ignore.iter().map(|column| format!(" --ignore {}", quoted(Path::new(column))));
    command.extend(args.input.config.iter().map(|path| format!(" --config {}", quoted(path))).chain(ignored));
    writeln!(out, "to train with them: {command} --labels {} --out model.json", quoted(&args.out))?;
    Ok(())
}

/// A word as a shell reads it whole.
fn quoted(word: &Path) -> String {
    let text = word.display().to_string();
    let plain = |character: char| character.is_alphanumeric() || "._-/+:@%,".contains(character);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// What a reader calls a record: its key, after its file where there are several.
fn name(input: &Input, row: u32) -> String {
    let key = input.keys.get(row as usize);
    if input.sources.len() > 1 { format!("{}:{key}", input.source(row as usize)) } else { key.to_owned() }
}
