#!/usr/bin/env python3
"""Invented customers, their duplicates and their households, to measure identity resolution with.

    people_gen.py ROWS OUT.parquet [--seed 20260101] [--duplicates 0.25]

The same seed gives the same rows, and fewer rows are the first of more. Truth: `entity_id`, `household_id`.

Households have 1 to 5 members, one address and one landline; four in five share the family name. Hard to tell apart:
twins (birth date, family name and address shared), father and son of one name, devices and landlines of a household,
and placeholders for emails, phones and birth dates. Names follow the frequencies of the census of the United States.
Beside its first record a person may have up to 8 more, with nicknames, slips, initials, swapped or changed names,
other or no email and phone, moves, abbreviated streets, missing or damaged dates, and other capitals.
"""

import argparse
import bisect
import dataclasses
import datetime
import os
import random

import names
import nicknames
import pyarrow
import pyarrow.parquet
import zipcodes

ROWS_PER_SHARD = 20_000
COLUMNS = (
    "record_id source ts user_id anonymous_id crm_id first_name last_name email phone dob street city zip state"
    " entity_id household_id"
).split()
NUMBERS = {"record_id", "ts", "entity_id", "household_id"}
SOURCES = ["crm", "web", "shop", "support", "loyalty"]
STREET_WORDS = {
    "Street": "St", "Avenue": "Ave", "Road": "Rd", "Drive": "Dr", "Lane": "Ln", "Court": "Ct", "Boulevard": "Blvd",
    "Place": "Pl", "Way": "Wy", "Terrace": "Ter",
}  # fmt: skip
STREET_NAMES = (
    "Oak Maple Main Park Cedar Pine Elm Washington Lake Hill Walnut Spring North Ridge Church Willow Mill Sunset"
    " Jackson Highland River Meadow Forest Franklin Cherry 2nd 3rd 4th 5th"
).split()
DOMAINS = [
    domain
    for domain, share in [
        ("gmail.com", 38), ("yahoo.com", 17), ("hotmail.com", 14), ("outlook.com", 10), ("aol.com", 6),
        ("icloud.com", 8), ("comcast.net", 4), ("me.com", 3),
    ]
    for _ in range(share)
]  # fmt: skip
NEIGHBOUR_KEYS = dict(
    pair.split(":")
    for pair in (
        "q:wa w:qe e:wr r:et t:ry y:tu u:yi i:uo o:ip p:ol a:sq s:ad d:sf f:dg g:fh h:gj j:hk k:jl l:kp z:xa x:zc"
        " c:xv v:cb b:vn n:bm m:nk"
    ).split()
)


class Names:
    """Names with their cumulative frequencies."""

    def __init__(self, file):
        lines = open(os.path.join(os.path.dirname(names.__file__), file), encoding="ascii")
        parts = [line.split() for line in lines]
        self.texts = [part[0].capitalize() for part in parts if len(part) >= 3]
        self.cumulative = [float(part[2]) for part in parts if len(part) >= 3]

    def pick(self, rng):
        return self.texts[bisect.bisect_left(self.cumulative, rng.random() * self.cumulative[-1])]


MALE, FEMALE, FAMILY = Names("dist.male.first"), Names("dist.female.first"), Names("dist.all.last")


def short_forms():
    namer, table = nicknames.NickNamer(), {}
    for name in set(MALE.texts) | set(FEMALE.texts):
        short = sorted(text for text in namer.nicknames_of(name) if text.isalpha() and len(text) > 1)[:6]
        if short:
            table[name] = [text.capitalize() for text in short]
    return table


NICKNAMES = short_forms()
PLACES = sorted(
    (place["zip_code"], place["city"], place["state"], (place["area_codes"] or ["555"])[0])
    for place in zipcodes.list_all()
    if place["zip_code_type"] == "STANDARD" and place["active"]
)


@dataclasses.dataclass(frozen=True)
class Address:
    street: str
    city: str
    zip: str
    state: str
    area_code: str


@dataclasses.dataclass(frozen=True)
class Person:
    first: str
    last: str
    birth: datetime.date
    email: str | None
    mobile: str | None
    user_id: str | None


def slip(rng, text):
    """One slip of the fingers: a letter dropped, doubled, swapped or hit beside."""
    if not text or len(text) < 2:
        return text
    place, kind = rng.randrange(len(text)), rng.random()
    if kind < 0.30:
        return text[:place] + text[place + 1 :]
    if kind < 0.50:
        return text[:place] + text[place] + text[place:]
    if kind < 0.75 and place < len(text) - 1:
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    letter = text[place].lower()
    beside = rng.choice(NEIGHBOUR_KEYS.get(letter, "0123456789" if letter.isdigit() else "aeiou"))
    return text[:place] + beside + text[place + 1 :]


def phone(rng, area_code):
    return f"{area_code}{rng.randrange(200, 1000)}{rng.randrange(10000):04d}"


def written(rng, number):
    area, exchange, line = number[:3], number[3:6], number[6:]
    forms = [number, f"({area}) {exchange}-{line}", f"{area}-{exchange}-{line}", f"+1{number}"]
    return [*forms, f"1-{area}-{exchange}-{line}"][rng.randrange(5)]


def address(rng):
    zip_code, city, state, area_code = PLACES[rng.randrange(len(PLACES))]
    name = FAMILY.pick(rng) if rng.random() < 0.5 else rng.choice(STREET_NAMES)
    street = f"{rng.randrange(1, 9999)} {name} {rng.choice(list(STREET_WORDS))}"
    if rng.random() < 0.15:
        street += f" Apt {rng.randrange(1, 60)}"
    return Address(street, city, zip_code, state, area_code)


def local_part(rng, kind, first, last, birth):
    forms = [
        (0.22, f"{first}.{last}"),
        (0.38, f"{first}{last}"),
        (0.54, f"{first[0]}{last}"),
        (0.62, f"{last}{first[0]}"),
        (0.68, f"{first}_{last}"),
        (0.80, f"{first}{birth.year % 100:02d}"),
    ]
    for bound, form in forms:
        if kind < bound:
            return form
    word = rng.choice(["sunny", "rock", "cat", "blue", "star", "max", "run", "moon"])
    return f"{word}{first[:3]}{rng.randrange(1000)}"


def email(rng, first, last, birth):
    kind, domain = rng.random(), rng.choice(DOMAINS)
    local = local_part(rng, kind, first.lower(), last.lower().replace(" ", ""), birth)
    if rng.random() < 0.55:
        local += str(rng.randrange(1, 1000))
    return f"{local}@{domain}"


def person(rng, home, family, eldest):
    """A member of a household; `eldest` is its first, if there is one already."""
    first = (MALE if rng.random() < 0.5 else FEMALE).pick(rng)
    last = family if (eldest is None or rng.random() < 0.8) else FAMILY.pick(rng)
    birth = datetime.date(1935, 1, 1) + datetime.timedelta(days=rng.randrange(26000))
    if eldest is not None:
        alike = rng.random()
        if alike < 0.006:
            last, birth = eldest.last, eldest.birth
        elif alike < 0.010:
            first, last = eldest.first, eldest.last
    area_code = home.area_code if rng.random() < 0.7 else PLACES[rng.randrange(len(PLACES))][3]
    return Person(
        first,
        last,
        birth,
        email(rng, first, last, birth) if rng.random() < 0.88 else None,
        phone(rng, area_code) if rng.random() < 0.8 else None,
        f"u{rng.getrandbits(48):012x}" if rng.random() < 0.4 else None,
    )


def blemished_name(rng, first, last):
    if rng.random() < 0.12 and first in NICKNAMES:
        first = rng.choice(NICKNAMES[first])
    if rng.random() < 0.07:
        first = slip(rng, first)
    if rng.random() < 0.08:
        last = slip(rng, last)
    if rng.random() < 0.015:
        last = FAMILY.pick(rng)
    if rng.random() < 0.03:
        first = f"{first} {rng.choice('ABCDEJLMRST')}"
    if rng.random() < 0.03:
        first = first[0]
    if rng.random() < 0.015:
        first, last = last, first
    return first, last


def blemished_contact(rng, who, mail, number, home):
    chance = rng.random()
    if chance < 0.28:
        mail = None
    elif chance < 0.40:
        mail = email(rng, who.first, who.last, who.birth)
    elif chance < 0.43 and mail:
        mail = slip(rng, mail)
    chance = rng.random()
    if chance < 0.30:
        number = None
    elif chance < 0.38:
        number = phone(rng, home.area_code)
    elif chance < 0.40 and number:
        number = slip(rng, number)
    return mail, number


def blemished_street(rng, street):
    if rng.random() < 0.06:
        street = slip(rng, street)
    if rng.random() < 0.30:
        for word, short in STREET_WORDS.items():
            street = street.replace(" " + word, " " + short)
    return street


def blemished_date(rng, birth, text):
    chance = rng.random()
    if chance < 0.25:
        return None
    if chance < 0.265:
        return f"{birth.year:04d}-{birth.day:02d}-{birth.month:02d}" if birth.day <= 12 else text
    if chance < 0.295:
        place = rng.choice([2, 3, 6, 8, 9])
        return text[:place] + str(rng.randrange(10)) + text[place + 1 :]
    return text


def recased(rng, first, last):
    if rng.random() < 0.10:
        change = str.upper if rng.random() < 0.5 else str.lower
        first, last = change(first), change(last)
    if rng.random() < 0.03:
        last += " "
    return first, last


def records_of(rng, who, home, landline, house_device, duplicated):
    """The records of one person: the first as it should be, the others not."""
    count = 1
    if rng.random() < duplicated:
        count = 2
        while count < 9 and rng.random() < 0.375:
            count += 1
    own_device = f"an-{rng.getrandbits(64):016x}"
    for place in range(count):
        first, last, mail = who.first, who.last, who.email
        at_home = (who.mobile is None or rng.random() < 0.25) and rng.random() < 0.6
        number = landline if at_home else who.mobile
        lives, date = home, who.birth.isoformat()
        street, zip_code = lives.street, lives.zip
        if place > 0:
            first, last = blemished_name(rng, first, last)
            mail, number = blemished_contact(rng, who, mail, number, home)
            if rng.random() < 0.14:
                lives = address(rng)
            street = blemished_street(rng, lives.street)
            zip_code = None if rng.random() < 0.10 else lives.zip
            date = blemished_date(rng, who.birth, date)
            first, last = recased(rng, first, last)
        if number and rng.random() < 0.5:
            number = written(rng, number)
        chance = rng.random()
        if chance < 0.003:
            mail = rng.choice(["none@none.com", "test@test.com", "noemail@example.com", "na@na.com"])
        elif chance < 0.006:
            number = rng.choice(["0000000000", "9999999999", "1234567890"])
        elif chance < 0.011:
            date = rng.choice(["1900-01-01", "1970-01-01"])
        source = rng.choice(SOURCES)
        device = (house_device if rng.random() < 0.06 else own_device) if rng.random() < 0.5 else None
        seen = 1_700_000_000 + rng.randrange(63_072_000)
        user_id = who.user_id if who.user_id and rng.random() < 0.45 else None
        crm_id = f"C{rng.getrandbits(32):08x}" if source == "crm" else None
        known = (first, last, mail, number, date, street, lives.city, zip_code, lives.state)
        yield source, seen, user_id, device, crm_id, *known


def household_size(rng):
    chance = rng.random()
    return next((size for size, bound in enumerate([0.40, 0.73, 0.85, 0.95], 1) if chance < bound), 5)


def shard(seed, place, duplicates):
    """The rows of one shard, shuffled; shards do not depend on each other."""
    rng = random.Random(seed * 1_000_003 + place)
    rows, entity, household = [], place * ROWS_PER_SHARD, place * ROWS_PER_SHARD
    # Each duplicated person has 1.6 more records in the mean.
    duplicated = duplicates / (1 - duplicates) / 1.6
    while len(rows) < ROWS_PER_SHARD:
        size, home = household_size(rng), address(rng)
        landline, family = phone(rng, home.area_code), FAMILY.pick(rng)
        household += 1
        device = f"an-{rng.getrandbits(64):016x}"
        members = []
        for _ in range(size):
            members.append(person(rng, home, family, members[0] if members else None))
        for who in members:
            entity += 1
            for record in records_of(rng, who, home, landline, device, duplicated):
                rows.append((*record, entity, household))
    rows = rows[:ROWS_PER_SHARD]
    rng.shuffle(rows)
    return [(place * ROWS_PER_SHARD + row, *rest) for row, rest in enumerate(rows)]


def write(rows, path, seed, duplicates):
    kinds = [(name, pyarrow.int64() if name in NUMBERS else pyarrow.string()) for name in COLUMNS]
    schema = pyarrow.schema(kinds)
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for place in range(-(-rows // ROWS_PER_SHARD)):
            left = rows - place * ROWS_PER_SHARD
            columns = zip(*shard(seed, place, duplicates)[:left])
            table = {name: list(column) for name, column in zip(COLUMNS, columns)}
            writer.write_table(pyarrow.table(table, schema=schema))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", type=int)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--duplicates", type=float, default=0.25, help="share of rows that repeat a person")
    given = parser.parse_args()
    write(given.rows, given.out, given.seed, given.duplicates)


if __name__ == "__main__":
    main()
