//! Paths of the clients' protocols, with and without a trailing slash.

use tributary_protocol::RecordKind;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// One event of this kind.
    Event(RecordKind),
    /// A batch.
    Batch,
    /// One event in the query of a GET.
    Pixel(RecordKind),
    /// The settings that the Segment browser client loads first.
    SegmentSettings(String),
    /// The settings that the RudderStack browser client loads first.
    RudderSettings,
    /// Nothing of ours; perhaps a webhook's.
    Other,
}

/// Reads a path.
#[must_use]
pub fn route(path: &str) -> Route {
    let path = path.trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    match segments.as_slice() {
        ["v1" | "v2", "projects", key, "settings"] => Route::SegmentSettings((*key).to_owned()),
        ["sourceConfig"] => Route::RudderSettings,
        ["pixel", "v1", name] | ["v1", "pixel", name] => event(name).map_or(Route::Other, Route::Pixel),
        ["beacon", "v1", "batch"] | ["v1", "beacon", "batch"] => Route::Batch,
        ["v1", name] | ["v1", "v1", name] | ["api", "s", name] | ["api", "s", "s2s", name] | [name] => named(name),
        _ => Route::Other,
    }
}

fn named(name: &str) -> Route {
    match name {
        "b" | "batch" | "import" => Route::Batch,
        _ => event(name).map_or(Route::Other, Route::Event),
    }
}

fn event(name: &str) -> Option<RecordKind> {
    Some(match name {
        "t" | "track" => RecordKind::Track,
        "p" | "page" => RecordKind::Page,
        "i" | "identify" => RecordKind::Identify,
        "g" | "group" => RecordKind::Group,
        "a" | "alias" => RecordKind::Alias,
        "s" | "screen" => RecordKind::Screen,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_paths_are_known() {
        for (path, expected) in [
            ("/v1/t", Route::Event(RecordKind::Track)),
            ("/v1/track/", Route::Event(RecordKind::Track)),
            ("/p", Route::Event(RecordKind::Page)),
            ("/v1/b", Route::Batch),
            ("/v1/import", Route::Batch),
            ("/beacon/v1/batch", Route::Batch),
            ("/api/s/s2s/identify", Route::Event(RecordKind::Identify)),
            ("/pixel/v1/page", Route::Pixel(RecordKind::Page)),
            ("/v1/projects/wk/settings", Route::SegmentSettings("wk".to_owned())),
            ("/sourceConfig/", Route::RudderSettings),
            ("/webhooks/surveys", Route::Other),
            ("/", Route::Other),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }
}
