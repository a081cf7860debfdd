//! Questions and answers, one after the other.

use super::card::Cards;
use super::kept::{Kept, Line};
use super::{Answers, name};
use crate::input::Input;
use crate::{Error, Result};
use std::io::{BufRead, Write};
use tributary_resolve::matching::Pair;

const CHOICES: &str = "y(es), n(o), u(nsure), b(ack) or q(uit)";

/// One sitting of somebody who answers.
pub(super) struct Session<'a> {
    pub(super) cards: &'a Cards<'a>,
    pub(super) input: &'a Input,
    /// Whether escape sequences are allowed.
    pub(super) colour: bool,
    pub(super) kept: Kept,
    /// What was answered so far.
    pub(super) answers: Answers,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Answer(Option<bool>),
    Back,
    Quit,
}

impl Session<'_> {
    /// Asks about pairs, and returns how many of them were not asked about.
    pub(super) fn ask(
        &mut self,
        questions: &[Pair],
        replies: &mut impl BufRead,
        out: &mut impl Write,
    ) -> Result<usize> {
        let mut given: Vec<Option<bool>> = Vec::new();
        while let Some(question) = questions.get(given.len()) {
            self.show(question, (given.len(), questions.len()), out)?;
            match next_reply(replies, out)? {
                Reply::Answer(answer) => {
                    self.keep(question, answer)?;
                    given.push(answer);
                }
                Reply::Back if self.kept.take_back()? => {
                    given.pop().into_iter().for_each(|answer| self.answers.take_back(answer));
                }
                Reply::Back => writeln!(out, "this is the first pair: answers of earlier sessions stand")?,
                Reply::Quit => break,
            }
        }
        Ok(questions.len() - given.len())
    }

    fn show(&self, pair: &Pair, (place, all): (usize, usize), out: &mut impl Write) -> Result<()> {
        let Answers { same, different, unsure } = self.answers;
        writeln!(out, "\npair {} of {all}; so far {same} same, {different} different, {unsure} unsure", place + 1)?;
        let names = [pair.one, pair.other].map(|row| name(self.input, row));
        Ok(write!(out, "{}", self.cards.text(pair, &names, self.colour))?)
    }

    fn keep(&mut self, pair: &Pair, answer: Option<bool>) -> Result<()> {
        let rows = [pair.one as usize, pair.other as usize];
        let sources = (self.input.sources.len() > 1).then(|| rows.map(|row| self.input.source(row)));
        self.kept.add(Line { keys: rows.map(|row| self.input.keys.get(row)), sources, answer })?;
        self.answers.add(answer);
        Ok(())
    }
}

/// Asks until a line says something; the end of the lines is the wish to quit.
fn next_reply(replies: &mut impl BufRead, out: &mut impl Write) -> Result<Reply> {
    let mut line = String::new();
    loop {
        write!(out, "same person? {CHOICES}: ")?;
        out.flush()?;
        line.clear();
        if replies.read_line(&mut line).map_err(Error::Replies)? == 0 {
            writeln!(out)?;
            return Ok(Reply::Quit);
        }
        if let Some(reply) = reply(&line) {
            return Ok(reply);
        }
    }
}

fn reply(line: &str) -> Option<Reply> {
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" | "1" => Some(Reply::Answer(Some(true))),
        "n" | "no" | "0" => Some(Reply::Answer(Some(false))),
        "u" | "unsure" | "?" => Some(Reply::Answer(None)),
        "b" | "back" => Some(Reply::Back),
        "q" | "quit" => Some(Reply::Quit),
        _ => None,
    }
}
