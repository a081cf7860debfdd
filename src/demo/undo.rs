//! Undoes a merge as an operator would, and has it made again: nothing is lost
//! by either.

use super::FLUSH_TIMEOUT;
use super::api::Api;
use anyhow::Context as _;
use serde::Serialize;
use serde_json::json;

/// A merge that was undone, and made again by undoing that.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Undone {
    /// The two records, as `kind:value`.
    pub records: [String; 2],
    /// Before, while the two are kept apart, and after.
    pub moments: [Moment; 3],
}

/// What the tables say at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// Rows of `profiles`.
    pub profiles: u64,
    /// The profile of each of the two records.
    pub profile_ids: [String; 2],
}

impl Moment {
    async fn of(api: &Api, records: &[String; 2]) -> anyhow::Result<Self> {
        api.flush(FLUSH_TIMEOUT).await?;
        let profiles: Vec<(u64,)> = api.query("SELECT count(*) FROM profiles").await?;
        let [one, other] = records;
        let (one, other) = (profile_of(api, one).await?, profile_of(api, other).await?);
        Ok(Self { profiles: profiles.first().context("count the profiles")?.0, profile_ids: [one, other] })
    }

    /// Whether the two records are one profile.
    pub fn is_one(&self) -> bool {
        self.profile_ids[0] == self.profile_ids[1]
    }
}

impl Undone {
    /// Keeps two records apart, and takes that back.
    ///
    /// # Errors
    /// If the server refuses it.
    pub async fn and_made_again(api: &Api, records: [String; 2]) -> anyhow::Result<Self> {
        let before = Moment::of(api, &records).await?;
        let [one, other] = &records;
        let (author, reason) = ("demo", "to show that a merge can be undone");
        let apart =
            json!({"action": "never-together", "one": [one], "other": [other], "author": author, "reason": reason});
        let decision = api.decide(&apart).await?;
        let between = Moment::of(api, &records).await?;
        let reason = "to show that it can be made again";
        api.decide(&json!({"action": "undo", "decision": decision, "author": author, "reason": reason})).await?;
        let after = Moment::of(api, &records).await?;
        Ok(Self { records, moments: [before, between, after] })
    }

    /// Whether the records were one, were parted, and are as they were.
    pub fn went_well(&self) -> bool {
        let [before, between, after] = &self.moments;
        before.is_one() && !between.is_one() && between.profiles > before.profiles && after == before
    }
}

async fn profile_of(api: &Api, record: &str) -> anyhow::Result<String> {
    let profile = api.profile(record).await?;
    profile["profile_id"].as_str().map(str::to_owned).context("read the id of a profile")
}
