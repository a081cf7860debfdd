//! Progress: a bar on a terminal, log lines elsewhere. Both go to standard
//! error; the report alone goes to standard output.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::Instant;

/// One step of the demo.
pub struct Progress {
    bar: ProgressBar,
    what: &'static str,
    begun: Instant,
    shown: bool,
}

impl Progress {
    /// Begins a step of `total` units; 0 where that is unknown.
    pub fn begin(what: &'static str, total: u64) -> Self {
        let shown = std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), target);
        let template = if total > 0 { "{msg:24} {wide_bar} {human_pos}/{human_len}" } else { "{msg:24} {spinner}" };
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what);
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        Self { bar, what, begun: Instant::now(), shown }
    }

    /// Counts units that are done.
    pub fn advance(&self, units: u64) {
        self.bar.inc(units);
    }

    /// Ends the step.
    pub fn end(self) {
        let seconds = format!("{:.1}", self.begun.elapsed().as_secs_f64());
        self.bar.finish_and_clear();
        if self.shown {
            eprintln!("{:24} {:>10} in {seconds} s", self.what, self.bar.position());
        } else {
            tracing::info!(step = self.what, units = self.bar.position(), seconds, "demo step done");
        }
    }
}
