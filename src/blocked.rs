//! Values that identify nobody by this site's configuration (a shared
//! mailbox, a kiosk's device id), besides those that mean nothing anywhere.

use std::collections::{BTreeMap, HashSet};
use tributary_protocol::{Identifier, LogValue, Record};

/// The blocked identifiers, normalised.
#[derive(Clone, Debug, Default)]
pub struct Blocked(HashSet<Identifier>);

impl Blocked {
    /// Reads the values of the configuration, by kind.
    pub fn new(values: &BTreeMap<String, Vec<String>>) -> Self {
        let of_kind = |(kind, values): (&String, &Vec<String>)| {
            values.iter().filter_map(|value| Identifier::new(kind, value)).collect::<Vec<_>>()
        };
        Self(values.iter().flat_map(of_kind).collect())
    }

    /// Takes the blocked identifiers from a record and chooses its owner again.
    pub fn strip(&self, value: &mut LogValue) {
        let LogValue::Record(record) = value else { return };
        if self.0.is_empty() || !record.identifiers.iter().any(|identifier| self.0.contains(identifier)) {
            return;
        }
        record.identifiers.retain(|identifier| !self.0.contains(identifier));
        record.node = Record::owner(&record.source, &record.identifiers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_protocol::{RecordKind, Timestamps};

    fn value(identifiers: &[(&str, &str)]) -> LogValue {
        let identifiers: Vec<_> = identifiers.iter().filter_map(|(kind, id)| Identifier::new(kind, id)).collect();
        let record = Record::new("web", "m".to_owned(), RecordKind::Track, Timestamps::default(), identifiers);
        LogValue::Record(Box::new(record))
    }

    fn check(identifiers: &[(&str, &str)], node: Option<&str>) {
        let blocked = Blocked::new(&BTreeMap::from([("email".to_owned(), vec!["NoReply@x.co".to_owned()])]));
        let mut value = value(identifiers);
        blocked.strip(&mut value);
        let LogValue::Record(record) = value else { panic!("no record") };
        assert_eq!(record.node.map(|node| node.to_string()).as_deref(), node);
    }

    #[test]
    fn blocked_values_own_nothing() {
        check(&[("email", "noreply@x.co"), ("device", "d")], Some("device:d"));
        check(&[("email", "noreply@X.co")], None);
        check(&[("email", "a@x.co")], Some("email:a@x.co"));
    }
}
