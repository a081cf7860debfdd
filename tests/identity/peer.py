#!/usr/bin/env python3
"""Runs Splink 5 on one set: peer.py SET FILE OUT. Writes `record_key, profile_id` as Parquet.

FEBRL3, fake_1000 and historical_50k use the settings of Splink's own demos (`febrl3`, `accuracy_analysis_from_labels_column`,
`deduplicate_50k_synthetic`): the same comparisons, blocking rules, training and threshold. It has no demo for customers: theirs are written in the same manner, with one
comparison for the whole address and term frequencies where values repeat.
"""

import sys

import duckdb
import splink.comparison_level_library as levels
import splink.comparison_library as compare
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

# Probability from which the demos put records together.
THRESHOLD = 0.95


def frequencies(comparison):
    return comparison.configure(term_frequency_adjustments=True)


def febrl3():
    return {
        "comparisons": [
            compare.NameComparison("given_name"),
            compare.NameComparison("surname"),
            compare.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"),
            compare.DamerauLevenshteinAtThresholds("soc_sec_id", [2]),
            frequencies(compare.ExactMatch("street_number")),
            frequencies(compare.ExactMatch("postcode")),
        ],
        "blocking": [
            block_on(column) for column in ["soc_sec_id", "given_name", "surname", "date_of_birth", "postcode"]
        ],
        "certain": [
            block_on("soc_sec_id"),
            block_on("given_name", "surname", "date_of_birth"),
            "l.given_name = r.surname and l.surname = r.given_name and l.date_of_birth = r.date_of_birth",
        ],
        "recall": 0.9,
        "random_pairs": 1e6,
        "sessions": [block_on("date_of_birth"), block_on("postcode")],
    }


def fake_1000():
    near_dates = "levenshtein(r.dob, l.dob) <= 1"
    return {
        "plain_training": True,
        "comparisons": [
            compare.ForenameSurnameComparison("first_name", "surname"),
            compare.DateOfBirthComparison("dob", input_is_string=True),
            frequencies(compare.ExactMatch("city")),
            compare.EmailComparison("email"),
        ],
        "blocking": [block_on(column) for column in ["first_name", "surname", "dob", "email"]],
        "certain": [
            f"l.first_name = r.first_name and {near_dates}",
            f"l.surname = r.surname and {near_dates}",
            "l.first_name = r.first_name and levenshtein(r.surname, l.surname) <= 2",
            "l.email = r.email",
        ],
        "recall": 0.7,
        "random_pairs": 1e6,
        "sessions": [block_on("dob"), block_on("email"), block_on("first_name", "surname")],
    }


def historical_50k():
    heads = "substr(postcode_fake,1,3)"
    return {
        "plain_training": True,
        "extra": ", first_name || ' ' || surname as first_name_surname_concat",
        "comparisons": [
            compare.ForenameSurnameComparison(
                "first_name", "surname", forename_surname_concat_col_name="first_name_surname_concat"
            ),
            compare.DateOfBirthComparison("dob", input_is_string=True),
            compare.PostcodeComparison("postcode_fake"),
            frequencies(compare.ExactMatch("birth_place")),
            frequencies(compare.ExactMatch("occupation")),
        ],
        "blocking": [
            block_on("substr(first_name,1,3)", "substr(surname,1,4)"),
            block_on("surname", "dob"),
            block_on("first_name", "dob"),
            block_on("postcode_fake", "first_name"),
            block_on("postcode_fake", "surname"),
            block_on("dob", "birth_place"),
            block_on(heads, "dob"),
            block_on(heads, "first_name"),
            block_on(heads, "surname"),
            block_on("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
        ],
        "certain": [
            block_on("first_name", "surname", "dob"),
            block_on("substr(first_name,1,2)", "surname", "substr(postcode_fake,1,2)"),
            block_on("dob", "postcode_fake"),
        ],
        "recall": 0.6,
        "random_pairs": 1e7,
        "sessions": [block_on("first_name", "surname"), block_on("dob")],
    }


def address():
    both = "street_l = street_r and zip_l = zip_r"
    similar = "jaro_winkler_similarity(street_l, street_r) >= 0.9 and zip_l = zip_r"
    return compare.CustomComparison(
        output_column_name="address",
        comparison_levels=[
            levels.CustomLevel("street_l is null or street_r is null", "missing").configure(is_null_level=True),
            levels.CustomLevel(both, "street and zip"),
            levels.CustomLevel(similar, "similar street and zip"),
            levels.CustomLevel("zip_l = zip_r", "zip"),
            levels.CustomLevel("city_l = city_r", "city"),
            levels.ElseLevel(),
        ],
    )


def customers():
    return {
        "extra": " replace (lower(trim(first_name)) as first_name, lower(trim(last_name)) as last_name,"
        " right(regexp_replace(phone, '[^0-9]', '', 'g'), 10) as phone)",
        "comparisons": [
            frequencies(compare.NameComparison("first_name")),
            frequencies(compare.NameComparison("last_name")),
            compare.DateOfBirthComparison("dob", input_is_string=True),
            compare.EmailComparison("email"),
            frequencies(compare.LevenshteinAtThresholds("phone", 1)),
            address(),
        ],
        "blocking": [
            block_on("email"),
            block_on("phone"),
            block_on("first_name", "last_name"),
            block_on("last_name", "dob"),
            block_on("first_name", "dob"),
            block_on("last_name", "zip"),
            block_on("street", "zip"),
            block_on("dob", "zip"),
            block_on("substr(first_name,1,3)", "substr(last_name,1,4)", "city"),
        ],
        "certain": [block_on("email", "last_name"), block_on("first_name", "last_name", "dob")],
        "recall": 0.7,
        "random_pairs": 1e7,
        "sessions": [block_on("first_name", "last_name"), block_on("dob")],
    }


def main():
    name, path, out = sys.argv[1:]
    settings = {"febrl3": febrl3, "fake_1000": fake_1000, "historical_50k": historical_50k}.get(name, customers)()
    connection = duckdb.connect()
    records = connection.sql(f"select *{settings.get('extra', '')} from read_parquet('{path}')")
    linker = Linker(
        DuckDBAPI(connection=connection).register(records),
        SettingsCreator(
            unique_id_column_name="record_id",
            link_type="dedupe_only",
            comparisons=settings["comparisons"],
            blocking_rules_to_generate_predictions=settings["blocking"],
        ),
    )
    training = linker.training
    training.estimate_probability_two_random_records_match(settings["certain"], recall=settings["recall"])
    training.estimate_u_using_random_sampling(max_pairs=settings["random_pairs"], seed=2)
    for rule in settings["sessions"]:
        training.estimate_parameters_using_expectation_maximisation(
            rule, estimate_without_term_frequencies=settings.get("plain_training", False)
        )
    pairs = linker.inference.predict()
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold_match_probability=THRESHOLD)
    found = clusters.as_duckdbpyrelation()
    found.project("record_id as record_key, cast(cluster_id as varchar) as profile_id").write_parquet(out)


if __name__ == "__main__":
    main()
