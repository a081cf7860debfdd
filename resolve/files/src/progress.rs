//! Progress: a bar on a terminal, log lines elsewhere, both on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// One step of a command.
pub(crate) struct Progress {
    bar: ProgressBar,
    what: String,
    begun: Instant,
    shown: bool,
}

impl Progress {
    /// Begins a step of `total` units; 0 where that is unknown.
    pub(crate) fn begin(what: impl Into<String>, total: u64) -> Self {
        let what = what.into();
        let shown = std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), target);
        let template = if total > 0 { "{msg:32} {wide_bar} {percent:>3} %" } else { "{msg:32} {spinner} {elapsed}" };
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.clone());
        if shown {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar, what, begun: Instant::now(), shown }
    }

    /// Says how many units are done.
    pub(crate) fn reached(&self, units: u64) {
        self.bar.set_position(units);
    }

    /// Ends the step.
    pub(crate) fn end(self) {
        let seconds = format!("{:.1}", self.begun.elapsed().as_secs_f64());
        self.bar.finish_and_clear();
        if self.shown {
            eprintln!("{:32} {seconds:>7} s", self.what);
        } else {
            tracing::info!(step = self.what, seconds, "step done");
        }
    }
}
