//! The flags of the commands of `tributary identity` on files.

use clap::Args;
use std::path::PathBuf;

/// The files of records that a command reads, and what they are taken for.
#[derive(Args, Clone, Debug)]
pub struct InputArgs {
    /// CSV or Parquet files of records; each row is one record
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Column that names each record; unique within a file, never compared
    #[arg(long, value_name = "COLUMN")]
    pub key: String,
    /// What columns are, which pairs are looked at and how to cluster, YAML; without it columns are recognised
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Column not to be looked at, such as the right answer; may be repeated
    #[arg(long, value_name = "COLUMN")]
    pub ignore: Vec<String>,
}

/// Flags of `tributary identity run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap shows the flags, not this")]
    pub input: InputArgs,
    /// Where to write the profile of each record (.parquet or .csv)
    #[arg(long, value_name = "FILE", default_value = "clusters.parquet")]
    pub out: PathBuf,
    /// Where to write every scored pair (.parquet or .csv)
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// Model, or settings file of Splink, to use as it is; without one it is trained on the files
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Judged pairs that refine the model: record_key_l, record_key_r, is_match (CSV or Parquet)
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Join no two records of one file by themselves, and write no pair within a file
    #[arg(long)]
    pub link_only: bool,
    /// Put at most one record of each file into a profile
    #[arg(long)]
    pub one_to_one: bool,
    /// Column of the right answer: kept from matching, compared with afterwards
    #[arg(long, value_name = "COLUMN")]
    pub evaluate_against: Option<String>,
    /// Count the pairs that each blocking rule proposes, and stop: nothing is scored or written
    #[arg(long)]
    pub dry_run: bool,
}

/// Flags of `tributary identity train`.
#[derive(Args, Clone, Debug)]
pub struct TrainArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap shows the flags, not this")]
    pub input: InputArgs,
    /// Settings file of Splink: its comparisons are trained, the terms of trained ones counted
    #[arg(long, value_name = "FILE")]
    pub splink: Option<PathBuf>,
    /// Where to write the model, JSON
    #[arg(long, value_name = "FILE", default_value = "model.json")]
    pub out: PathBuf,
    /// Judged pairs that refine the model: record_key_l, record_key_r, is_match (CSV or Parquet)
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Column of the right answer, of which a few pairs are labelled: measures what labels are worth
    #[arg(long, value_name = "COLUMN", conflicts_with = "labels")]
    pub labels_against: Option<String>,
    /// How many pairs are labelled by the column of --labels-against
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub labels_count: usize,
}

/// Flags of `tributary identity label`.
#[derive(Args, Clone, Debug)]
pub struct LabelArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap shows the flags, not this")]
    pub input: InputArgs,
    /// Where answers are kept, CSV; one that is there is gone on with
    #[arg(long, value_name = "FILE", default_value = "labels.csv")]
    pub out: PathBuf,
    /// Model, or settings file of Splink, to use as it is; without one it is trained on the files
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Most pairs to ask about this time
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub count: usize,
    /// Another number asks about other pairs that are as useful
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
}

/// Flags of `tributary identity evaluate`.
#[derive(Args, Clone, Debug)]
pub struct EvaluateArgs {
    /// File with the right answers (CSV or Parquet); several if the clusters are of several
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub truth: Vec<PathBuf>,
    /// Column of the truth file that names each record
    #[arg(long, value_name = "COLUMN")]
    pub key: String,
    /// Column of the truth file that is the same for records of one person
    #[arg(long, value_name = "COLUMN")]
    pub truth_column: String,
    /// Clusters to judge, as `tributary identity run --out` writes them
    #[arg(long, value_name = "FILE")]
    pub clusters: PathBuf,
    /// Scored pairs to judge, as `tributary identity run --pairs` writes them
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// Folder for charts of the pairs over thresholds and of their calibration, SVG
    #[arg(long, value_name = "DIR", requires = "pairs")]
    pub charts: Option<PathBuf>,
}

/// The records a question is asked of.
#[derive(Args, Clone, Debug)]
pub struct RecordsArgs {
    /// CSV or Parquet file of records; may be repeated. Without one the running server is asked
    #[arg(long = "file", value_name = "FILE", requires = "key")]
    pub files: Vec<PathBuf>,
    /// Column that names each record; unique within a file, never compared
    #[arg(long, value_name = "COLUMN", requires = "files", default_value = "", hide_default_value = true)]
    pub key: String,
    /// Model, or settings file of Splink, to use as it is; without one it is trained on the files
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// What columns are, which pairs are looked at and how to cluster, YAML; without it columns are recognised
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Column not to be looked at, such as the right answer; may be repeated
    #[arg(long, value_name = "COLUMN")]
    pub ignore: Vec<String>,
    /// Print JSON in place of text
    #[arg(long)]
    pub json: bool,
}

/// Flags of `tributary identity explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// Key of a record; with several files, the file's stem and a colon before it
    #[arg(value_name = "KEY")]
    pub one: String,
    /// Key of the other record
    #[arg(value_name = "KEY")]
    pub other: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap shows the flags, not this")]
    pub records: RecordsArgs,
    /// Where to write the waterfall of the pair, SVG
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// Flags of `tributary identity how`.
#[derive(Args, Clone, Debug)]
pub struct HowArgs {
    /// Key of any record of the profile; with several files, the file's stem and a colon before it
    #[arg(value_name = "KEY")]
    pub record: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap shows the flags, not this")]
    pub records: RecordsArgs,
}

/// Flags of `tributary identity search`.
#[derive(Args, Clone, Debug)]
pub struct SearchArgs {
    /// What is known, a JSON object such as '{"name": "Ann Lee", "phone": "555 0100"}'
    #[arg(value_name = "JSON")]
    pub attributes: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap shows the flags, not this")]
    pub records: RecordsArgs,
    /// Most records to show
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub limit: usize,
}
