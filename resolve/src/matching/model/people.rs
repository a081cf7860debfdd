//! The model that ships: records of people can be matched before there are
//! any to learn from. `resolve/models/README.md` tells how it is made.

use crate::matching::Model;
use std::sync::LazyLock;

static PEOPLE: LazyLock<Model> = LazyLock::new(|| {
    Model::from_json(include_str!("../../../models/people.json")).expect("the model that ships is read by a test")
});

/// How many times more or fewer records than it was trained on a model serves.
const SIZES_SERVED: u64 = 4;

impl Model {
    /// The model that ships, for records of people. Its fields, in order:
    /// `given_name`, `family_name`, `full_name`, `birth_date`, `email`, `phone`,
    /// `street`, `city`, `postcode`, `region`, `national_id`, `anonymous_id`,
    /// `company`. Fields a record lacks say nothing. `full_name` should be given
    /// the given and the family name where a record tells them apart, so that it
    /// can be compared with records that do not.
    #[must_use]
    pub fn people() -> &'static Self {
        &PEOPLE
    }

    /// Whether `live` records are so many more or fewer than the model was
    /// trained on that its weights are off: fewer than a quarter, or more than
    /// four times. A model that does not tell its size warns of none.
    #[must_use]
    pub fn size_warning(&self, live: u64) -> bool {
        let (few, many) =
            (live.saturating_mul(SIZES_SERVED) < self.records, live > self.records.saturating_mul(SIZES_SERVED));
        self.records > 0 && (few || many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_that_ships_can_be_read_and_has_the_fields_it_says() {
        let names: Vec<&str> = Model::people().fields.iter().map(|field| field.name.as_str()).collect();
        let expected = [
            "given_name",
            "family_name",
            "full_name",
            "birth_date",
            "email",
            "phone",
            "street",
            "city",
            "postcode",
            "region",
            "national_id",
            "anonymous_id",
            "company",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn sizes_far_from_that_of_the_training_are_warned_of() {
        let model = Model { records: 1000, ..Model::people().clone() };
        for (live, warned) in [(0, true), (249, true), (250, false), (4000, false), (4001, true), (u64::MAX, true)] {
            assert_eq!(model.size_warning(live), warned, "{live}");
        }
    }
}
