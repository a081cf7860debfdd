//! What the demo found, computed from the tables over the admin API.

use super::api::Api;
use super::explain::{self, Merge};
use super::measures::{self, Nps, Stage};
use super::records::{Expected, Records, STAGES};
use super::stages::Joined;
use super::truth::Agreement;
use super::undo::Undone;
use anyhow::{Context as _, ensure};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Least share of the connected pairs that must be found.
const RECALL_MIN: f64 = 0.99;
/// Least share of the joined pairs that must be right once contents are matched.
const PRECISION_MIN: f64 = 0.98;
/// Most pairs of the review queue that are counted.
const REVIEW_MAX: usize = 10_000;
/// A query that the report recommends; it is run to be sure that it works.
pub const SAMPLE_QUERY: &str = "SELECT plan, count(*) AS people FROM profiles GROUP BY plan ORDER BY people DESC";
const NPS_ANSWERS: &str = "SELECT profile_id, timestamp, properties FROM events \
    WHERE event = 'Survey Responded' AND profile_id IS NOT NULL";
const DEALS: &str = "SELECT fields FROM objects WHERE type = 'deals' AND NOT deleted";

/// A segment that comes with the demo.
pub struct SegmentFile {
    /// Its name.
    pub name: &'static str,
    /// Name of its file.
    pub file: &'static str,
    /// What it says, for people.
    pub meaning: &'static str,
    /// Its definition.
    pub json: &'static str,
}

/// The segments of the demo.
pub const SEGMENTS: [SegmentFile; 3] = [
    SegmentFile {
        name: "power users",
        file: "power_users.json",
        meaning: "pro or business plan, 3 or more projects or reports within 90 days",
        json: include_str!("segments/power_users.json"),
    },
    SegmentFile {
        name: "lapsed buyers",
        file: "lapsed_buyers.json",
        meaning: "bought before April, not within 3 months, still on the mailing list",
        json: include_str!("segments/lapsed_buyers.json"),
    },
    SegmentFile {
        name: "warm leads",
        file: "warm_leads.json",
        meaning: "open leads who clicked an email or looked at prices twice within 12 weeks, never bought",
        json: include_str!("segments/warm_leads.json"),
    },
];

/// Everything that is printed.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What came in.
    pub sources: Vec<SourceFigures>,
    /// What came out.
    pub profiles: ProfileFigures,
    /// Three merges explained.
    pub merges: Vec<Merge>,
    /// The last of them undone and made again.
    pub undone: Option<Undone>,
    /// Pairs that wait for an operator.
    pub review: u64,
    /// Profiles of each segment.
    pub segments: Vec<SegmentFigures>,
    /// Of the newest answer of each person.
    pub nps: Nps,
    /// Deals by stage.
    pub pipeline: Vec<Stage>,
    /// Path of a profile on the admin port.
    pub profile_path: Option<String>,
}

/// What came in through a source.
#[derive(Debug, Serialize)]
pub struct SourceFigures {
    /// Its name.
    pub source: String,
    /// Records that were sent, or stand in its file.
    pub sent: u64,
    /// Rows of `events`.
    pub events: u64,
    /// Rows of `failed_events`.
    pub failed: u64,
    /// Records that had come before: sent, and neither an event nor failed.
    pub repeats: u64,
    /// What should be there.
    #[serde(skip)]
    expected: Expected,
}

/// What profiles came out.
#[derive(Debug, Serialize)]
pub struct ProfileFigures {
    /// People who were planted.
    pub people: u32,
    /// Rows of `profiles`.
    pub profiles: u64,
    /// Rows of `identities`.
    pub identities: u64,
    /// What identifiers join by themselves, against the truth.
    pub by_identifiers: Agreement,
    /// The profiles, against the truth.
    pub agreement: Agreement,
    /// Rows of `profile_changes` by kind of change.
    pub changes: BTreeMap<String, u64>,
}

/// How many profiles are in a segment.
#[derive(Debug, Serialize)]
pub struct SegmentFigures {
    /// Name of the segment.
    pub name: &'static str,
    /// Its profiles.
    pub count: u64,
}

impl Report {
    /// Asks the server for everything. `sent` is how many records went out, by source.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn collect(
        api: &Api,
        people: u32,
        records: &Records,
        sent: &BTreeMap<&'static str, u64>,
    ) -> anyhow::Result<Self> {
        let _: Vec<(Option<String>, u64)> = api.query(SAMPLE_QUERY).await?;
        let mut joined = Joined::of_events(api).await?;
        let merges = explain::three_merges(api, &mut joined).await?;
        let by_contents = merges.iter().find_map(|merge| merge.contents.as_ref());
        let undone = match by_contents {
            Some(contents) => Some(Undone::and_made_again(api, contents.records.clone()).await?),
            None => None,
        };
        let answers: Vec<(String, String, String)> = api.query(NPS_ANSWERS).await?;
        Ok(Self {
            sources: sources(api, records, sent).await?,
            profiles: profiles(api, people, records, &mut joined).await?,
            segments: segments(api).await?,
            nps: Nps::of(measures::latest_nps_scores(&answers)),
            pipeline: measures::pipeline(&api.query(DEALS).await?, &STAGES),
            profile_path: sample_profile(api, &merges).await?,
            merges,
            undone,
            review: api.review_count(REVIEW_MAX).await?,
        })
    }

    /// Checks what came out against what was planted.
    ///
    /// # Errors
    /// If they do not agree: records lost or invented, or people mixed up or torn apart.
    pub fn check(&self) -> anyhow::Result<()> {
        for source in &self.sources {
            let stored = Expected { events: source.events, failed: source.failed };
            let expected = source.expected;
            ensure!(stored == expected, "source {}: {stored:?} are stored where {expected:?} were sent", source.source);
        }
        let Agreement { pairs_joined, pairs_right, .. } = self.profiles.by_identifiers;
        ensure!(pairs_right == pairs_joined, "identifiers join {pairs_joined} pairs, only {pairs_right} of them right");
        for agreement in [&self.profiles.by_identifiers, &self.profiles.agreement] {
            let (precision, recall) = (agreement.precision(), agreement.recall_of_connected());
            ensure!(recall >= RECALL_MIN, "recall of connected pairs is {recall:.4}, less than {RECALL_MIN}");
            ensure!(precision >= PRECISION_MIN, "precision is {precision:.4}, less than {PRECISION_MIN}");
        }
        let undone = self.undone.as_ref().context("nobody was found by contents alone")?;
        ensure!(undone.went_well(), "a merge was not undone and made again: {undone:?}");
        Ok(())
    }
}

async fn sources(
    api: &Api,
    records: &Records,
    sent: &BTreeMap<&'static str, u64>,
) -> anyhow::Result<Vec<SourceFigures>> {
    let events = counts(api, "SELECT source, count(*) FROM events GROUP BY source").await?;
    let failed = counts(api, "SELECT source, count(*) FROM failed_events GROUP BY source").await?;
    let figures = |(source, expected): (&'static str, Expected)| {
        let of = |counts: &HashMap<String, u64>| counts.get(source).copied().unwrap_or_default();
        let (events, failed) = (of(&events), of(&failed));
        let sent = sent.get(source).copied().unwrap_or_default();
        let repeats = sent.saturating_sub(events + failed);
        SourceFigures { source: source.to_owned(), sent, events, failed, repeats, expected }
    };
    Ok(records.expected().into_iter().map(figures).collect())
}

async fn profiles(api: &Api, people: u32, records: &Records, joined: &mut Joined) -> anyhow::Result<ProfileFigures> {
    let profile_of = api.query::<(String, String)>("SELECT node, profile_id FROM identities").await?;
    let identities = profile_of.len() as u64;
    let total: Vec<(u64,)> = api.query("SELECT count(*) FROM profiles").await?;
    let changes = counts(api, "SELECT change, count(*) FROM profile_changes GROUP BY change").await?;
    Ok(ProfileFigures {
        people,
        profiles: total.first().context("count the profiles")?.0,
        identities,
        by_identifiers: records.truth.agreement(&joined.sets()),
        agreement: records.truth.agreement(&profile_of.into_iter().collect()),
        changes: changes.into_iter().collect(),
    })
}

async fn segments(api: &Api) -> anyhow::Result<Vec<SegmentFigures>> {
    let mut figures = Vec::new();
    for segment in &SEGMENTS {
        figures.push(SegmentFigures { name: segment.name, count: api.segment_count(segment.json).await? });
    }
    Ok(figures)
}

/// The path of a profile that the report recommends to look at, which works.
async fn sample_profile(api: &Api, merges: &[Merge]) -> anyhow::Result<Option<String>> {
    let Some(email) = merges.iter().find_map(|merge| merge.email.as_ref()) else { return Ok(None) };
    let key = format!("email:{email}");
    api.profile(&key).await?;
    api.profile_path(&key).map(Some)
}

async fn counts(api: &Api, sql: &str) -> anyhow::Result<HashMap<String, u64>> {
    Ok(api.query::<(String, u64)>(sql).await?.into_iter().collect())
}
