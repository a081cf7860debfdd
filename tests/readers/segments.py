"""Counts segments over the input files with DuckDB, without anything of ours:
who is who, which value of a trait counts and what falls into a window is
worked out anew from what was sent.

    segments.py EVENTS.jsonl CONTACTS.csv

Standard output is JSON: {segment: count}.
"""

import json
import sys

import duckdb

# A person is a user; an anonymous id that some identify joined to a user is
# that user, and one that none did is a person of its own. Contacts join by email.
PREPARE = """
CREATE TABLE sent AS
SELECT * FROM read_json(?, format = 'newline_delimited', columns = {
  'messageId': 'VARCHAR', 'type': 'VARCHAR', 'event': 'VARCHAR', 'userId': 'VARCHAR',
  'anonymousId': 'VARCHAR', 'timestamp': 'VARCHAR', 'traits': 'JSON'});
CREATE TABLE joined AS
SELECT DISTINCT "anonymousId" AS visitor, "userId" AS person FROM sent
WHERE "anonymousId" IS NOT NULL AND "userId" IS NOT NULL;
CREATE TABLE message AS
SELECT coalesce("userId", person, "anonymousId") AS person, type, event,
       CAST(timestamp AS TIMESTAMPTZ) AS happened, traits
FROM sent LEFT JOIN joined ON sent."anonymousId" = joined.visitor;
CREATE TABLE given AS
SELECT person, happened, key AS name, traits -> key AS value
FROM (SELECT person, happened, traits, unnest(json_keys(traits)) AS key FROM message WHERE type = 'identify');
CREATE TABLE email AS
SELECT DISTINCT lower(value ->> '$') AS email, person FROM given WHERE name = 'email' AND value ->> '$' IS NOT NULL;
CREATE TABLE contact AS
SELECT coalesce(email.person, 'contact ' || "Id") AS person, "Industry" AS industry, CAST("Updated" AS TIMESTAMPTZ) AS happened
FROM read_csv(?, header = true, all_varchar = true) AS contacts
LEFT JOIN email ON lower(trim(contacts."Email")) = email.email;
INSERT INTO given SELECT person, happened, 'industry', to_json(industry) FROM contact WHERE industry IS NOT NULL;
-- The most recent value counts; a null that is the most recent removes the trait.
CREATE TABLE known AS
SELECT person, name, value FROM (
  SELECT person, name, arg_max(value, happened) AS value FROM given GROUP BY person, name
) WHERE json_type(value) <> 'NULL';
CREATE TABLE everyone AS SELECT DISTINCT person FROM message UNION SELECT person FROM contact;
"""

# As the segments of `tests/tests/readers.rs`, word for word the same question.
AS_OF = "TIMESTAMPTZ '2026-04-10 12:00:00+02:00'"
SEGMENTS = {
    "trait": "SELECT person FROM known WHERE name = 'plan' AND value ->> '$' = 'pro'",
    "differs": "SELECT person FROM known WHERE name = 'plan' AND value ->> '$' <> 'pro'",
    "is_not": """
        SELECT person FROM everyone
        EXCEPT SELECT person FROM known WHERE name = 'plan' AND value ->> '$' = 'pro'""",
    "number": """
        SELECT person FROM known
        WHERE name = 'age' AND json_type(value) IN ('UBIGINT', 'BIGINT', 'DOUBLE')
          AND CAST(value AS DOUBLE) BETWEEN 30 AND 40""",
    "industry": "SELECT person FROM known WHERE name = 'industry' AND value ->> '$' IN ('Retail', 'Energy')",
    # 30 calendar days that hold a change of the clocks: 719 hours.
    "orders": f"""
        SELECT person FROM message
        WHERE type = 'track' AND event = 'Order Completed' AND happened >= {AS_OF} - INTERVAL 30 DAY AND happened < {AS_OF}
        GROUP BY person HAVING count(*) >= 2""",
    "few_orders": f"""
        SELECT person FROM everyone EXCEPT
        SELECT person FROM message
        WHERE type = 'track' AND event = 'Order Completed' AND happened >= {AS_OF} - INTERVAL 2 MONTH AND happened < {AS_OF}
        GROUP BY person HAVING count(*) > 1""",
    "between": """
        SELECT person FROM message
        WHERE type = 'track' AND event IN ('Product Viewed', 'Checkout Started')
          AND happened >= TIMESTAMPTZ '2026-02-01 00:00:00+01:00' AND happened < TIMESTAMPTZ '2026-02-15 00:00:00+01:00'
        GROUP BY person HAVING count(*) >= 3""",
}
SEGMENTS["mixed"] = f"""
    (SELECT * FROM ({SEGMENTS['trait']}) INTERSECT SELECT * FROM ({SEGMENTS['orders']}))
    UNION
    (SELECT * FROM ({SEGMENTS['number']}) EXCEPT SELECT * FROM ({SEGMENTS['between']}))"""


def main():
    events, contacts = sys.argv[1:]
    base = duckdb.connect()
    base.execute("SET TimeZone = 'Europe/Berlin'")
    given = {"read_json(?": events, "read_csv(?": contacts}
    for statement in PREPARE.split(";\n"):
        values = [path for call, path in given.items() if call in statement]
        if statement.strip():
            base.execute(statement, values)
    counts = {
        name: base.execute(f"SELECT count(DISTINCT person) FROM ({query})").fetchone()[0]
        for name, query in SEGMENTS.items()
    }
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main()
