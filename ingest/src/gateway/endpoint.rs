//! Which path is what.

use http::Method;
use percent_encoding::percent_decode_str;
use tributary_protocol::RecordKind;

/// Segments of our longest path.
const SEGMENTS_MAX: usize = 4;

/// What stands behind a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// One event, of the kind that the path says, else its `type`.
    Event(Option<RecordKind>),
    /// `{"batch":[...]}`.
    Batch,
    /// Clients' own measurements.
    Discard,
    /// One event in the query.
    Pixel(RecordKind),
    /// Settings of analytics.js for the key of the path.
    ProjectSettings(String),
    /// Settings of the RudderStack client.
    SourceConfig,
    /// Whether events are taken.
    Health,
    /// The webhook with this index.
    Webhook(usize),
}

/// Whether a path is the gateway's own: a webhook there would get nothing.
///
/// ```
/// use tributary_ingest::gateway::is_own_path;
/// assert!(is_own_path("/v1/track/") && !is_own_path("/webhooks/nps"));
/// ```
#[must_use]
pub fn is_own_path(path: &str) -> bool {
    Endpoint::of(path, std::iter::empty()).is_some()
}

impl Endpoint {
    /// Finds what stands behind `path`; our own paths go before those of webhooks. Slashes at its ends count
    /// for nothing: some clients put a path behind an address that ends in one.
    pub(crate) fn of<'w>(path: &str, webhooks: impl Iterator<Item = &'w str>) -> Option<Self> {
        let trimmed = path.trim_matches('/');
        let ours = Self::ours(trimmed);
        let mut paths = webhooks.map(|path| path.trim_matches('/'));
        ours.or_else(|| paths.position(|path| path == trimmed).map(Self::Webhook))
    }

    fn ours(path: &str) -> Option<Self> {
        let mut segments = [""; SEGMENTS_MAX];
        let mut count = 0;
        for (index, segment) in path.split('/').enumerate() {
            *segments.get_mut(index)? = segment;
            count = index + 1;
        }
        match segments[..count] {
            ["health"] => Some(Self::Health),
            ["sourceConfig"] => Some(Self::SourceConfig),
            [name] if name.len() == 1 => Self::named(name),
            ["beacon", "v1", "batch"] => Some(Self::Batch),
            ["pixel", "v1", name] | ["v1", "pixel", name] => match Self::named(name)? {
                Self::Event(Some(kind)) => Some(Self::Pixel(kind)),
                _ => None,
            },
            ["api", "s", "event"] | ["api", "s", "s2s", "event"] => Some(Self::Event(None)),
            ["v1", name] | ["api", "s", name] | ["api", "s", "s2s", name] => Self::named(name),
            ["v1", "projects", key, "settings"] => {
                Some(Self::ProjectSettings(percent_decode_str(key).decode_utf8().ok()?.into_owned()))
            }
            _ => None,
        }
    }

    fn named(name: &str) -> Option<Self> {
        let kind = match name {
            "t" | "track" => RecordKind::Track,
            "p" | "page" => RecordKind::Page,
            "i" | "identify" => RecordKind::Identify,
            "g" | "group" => RecordKind::Group,
            "a" | "alias" => RecordKind::Alias,
            "s" | "screen" => RecordKind::Screen,
            "b" | "batch" | "import" => return Some(Self::Batch),
            "m" => return Some(Self::Discard),
            _ => return None,
        };
        Some(Self::Event(Some(kind)))
    }

    /// Says whether it takes `method`.
    pub(crate) fn takes(&self, method: &Method) -> bool {
        match self {
            Self::Pixel(_) => method == Method::GET,
            Self::ProjectSettings(_) | Self::SourceConfig | Self::Health => {
                method == Method::GET || method == Method::HEAD
            }
            Self::Event(_) | Self::Batch | Self::Discard | Self::Webhook(_) => method == Method::POST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RecordKind::{Alias, Group, Identify, Page, Screen, Track};

    fn check(path: &str, expected: Option<&Endpoint>) {
        let of = |path: &str| Endpoint::of(path, ["/webhooks/nps/", "/v1/t"].into_iter());
        assert_eq!(of(path).as_ref(), expected, "{path}");
        assert_eq!(of(&format!("{path}/")).as_ref(), expected, "{path}/");
        assert_eq!(of(&format!("/{path}")).as_ref(), expected, "/{path}");
    }

    #[test]
    fn every_path_of_every_client() {
        let kinds = [Track, Page, Identify, Group, Alias, Screen];
        let words = ["track", "page", "identify", "group", "alias", "screen"];
        for (kind, word) in kinds.into_iter().zip(words) {
            let event = Endpoint::Event(Some(kind));
            let short = &word[..1];
            for path in [
                format!("/v1/{word}"),
                format!("/v1/{short}"),
                format!("/{short}"),
                format!("/api/s/{word}"),
                format!("/api/s/s2s/{word}"),
            ] {
                check(&path, Some(&event));
            }
            check(&format!("/v1/pixel/{word}"), Some(&Endpoint::Pixel(kind)));
        }
        for path in ["/v1/b", "/v1/batch", "/v1/import", "/b", "/beacon/v1/batch", "/api/s/batch", "/api/s/s2s/batch"] {
            check(path, Some(&Endpoint::Batch));
        }
        check("/api/s/event", Some(&Endpoint::Event(None)));
        check("/v1/m", Some(&Endpoint::Discard));
        check("/pixel/v1/track", Some(&Endpoint::Pixel(Track)));
        check("/v1/projects/a%2Fb/settings", Some(&Endpoint::ProjectSettings("a/b".to_owned())));
        check("/sourceConfig", Some(&Endpoint::SourceConfig));
        check("/webhooks/nps", Some(&Endpoint::Webhook(0)));
    }

    #[test]
    fn other_paths_are_nothing() {
        for path in
            ["", "/x", "/track", "/v1", "/v1/unknown", "/v1/t/t", "/v1//t", "/v1/pixel/batch", "/v1/projects/settings"]
        {
            check(path, None);
        }
    }
}
