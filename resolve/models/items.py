#!/usr/bin/env python3
"""Turns generated customers into the kinds of records a customer data platform sees.

usage: items.py CUSTOMERS.csv ITEMS.csv

Reads what `people_gen.py` writes, as CSV, and writes one record for each: some
whole, many with a way to reach somebody and little else. Adds a national id and
an employer, and tells names apart, together or both. What a record keeps is
decided by a hash of its number, so the same input gives the same output.
"""

import csv
import hashlib
import sys

COLUMNS = [
    "record_id", "given_name", "family_name", "full_name", "birth_date", "email", "phone", "street", "city",
    "postcode", "region", "national_id", "company", "anonymous_id", "entity_id",
]
ADDRESS = ["street", "city", "postcode", "region"]
NAMES = ["given_name", "family_name"]

# Share of records, and what these keep; a full record keeps everything, its
# device now and then.
KINDS = [
    (0.50, None),
    (0.12, NAMES + ["email"]),
    (0.06, NAMES + ["phone"]),
    (0.05, NAMES + ADDRESS),
    (0.05, ["email", "phone"]),
    (0.08, ["email"]),
    (0.10, ["email", "anonymous_id"]),
    (0.04, ["anonymous_id"]),
]
DEVICE_ON_FULL = 0.3
WITH_NATIONAL_ID, NATIONAL_ID_SLIP = 0.3, 0.05
WITH_COMPANY, COMPANY_CHANGED, COMPANIES = 0.4, 0.2, 20_000
# Share of records written down carelessly, and of their fields with one more slip.
CARELESS, CARELESS_SLIP = 0.2, 0.25
NAMES_BOTH_WAYS, NAMES_TOGETHER = 0.5, 0.2

FIRST = "Acme Alpha Blue Bright Capital Central Coast Cross Delta East First Global Golden Grand Green High Horizon Iron Lake Liberty Metro North Ocean Pacific Pioneer Prime River Royal Silver South Star Summit Sun Union United Valley West".split()
SECOND = "Bank Brothers Builders Clinic College Consulting Design Dynamics Electric Energy Engineering Farms Foods Freight Health Homes Hotels Industries Insurance Labs Legal Logistics Media Motors Partners Pharmacy Plastics Power Print Retail School Services Software Steel Systems Tools Trading Travel".split()
FORM = ["Inc", "LLC", "Ltd", "Group", "Co", "Corp", "", "GmbH", "International", "& Sons", "Holdings", "of Texas", "of Ohio", "Partners"]


def number(*parts):
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def share(*parts):
    return number(*parts) / 2**64


def slip(text, *salt):
    """One character left out, doubled, swapped with the next or another of its kind."""
    if len(text) < 3:
        return text
    place, way = number("place", *salt) % (len(text) - 1), number("way", *salt) % 4
    one, other = text[place], text[place + 1]
    alphabet = "0123456789" if one.isdigit() else "abcdefghijklmnopqrstuvwxyz"
    written = ["", one + one, other + one, alphabet[number("other", *salt) % len(alphabet)]][way]
    return text[:place] + written + text[place + (2 if way == 2 else 1) :]


def careless_date(date, *salt):
    """Another day, month or year, or a digit that slipped."""
    year, month, day = date.split("-")
    way = number("date", *salt) % 4
    if way == 0:
        day = f"{1 + number('day', *salt) % 28:02d}"
    elif way == 1:
        month = f"{1 + number('month', *salt) % 12:02d}"
    elif way == 2:
        year = str(int(year) + 1 - 2 * (number("year", *salt) % 2))
    else:
        return f"{year}-{day}-{month}"
    return f"{year}-{month}-{day}"


def careless(item):
    for column, text in item.items():
        salt = (column, item["record_id"])
        if not text or column in ("record_id", "entity_id", "anonymous_id") or share("careless", *salt) >= CARELESS_SLIP:
            continue
        item[column] = careless_date(text, *salt) if column == "birth_date" else slip(text, *salt)


def national_id(record, person):
    digits = f"{number('national id', person) % 10**9:09d}"
    return slip(digits, "national id", record) if share("slip", record) < NATIONAL_ID_SLIP else digits


def company(record, person):
    changed = share("changed", record) < COMPANY_CHANGED
    place = int(COMPANIES * share("employer", person, record if changed else "") ** 2)
    first, rest = place % len(FIRST), place // len(FIRST)
    return f"{FIRST[first]} {SECOND[rest % len(SECOND)]} {FORM[rest // len(SECOND) % len(FORM)]}".strip()


def kept(record):
    left = share("kind", record)
    for part, columns in KINDS:
        if left < part:
            return columns
        left -= part
    return None


def item(row):
    record, person = row["record_id"], row["entity_id"]
    item = dict.fromkeys(COLUMNS, "")
    whole = {
        "given_name": row["first_name"], "family_name": row["last_name"], "birth_date": row["dob"],
        "email": row["email"], "phone": row["phone"], "street": row["street"], "city": row["city"],
        "postcode": row["zip"], "region": row["state"], "anonymous_id": row["anonymous_id"],
    }
    columns = kept(record)
    if columns is None:
        if share("device", record) >= DEVICE_ON_FULL:
            del whole["anonymous_id"]
        if share("has national id", record) < WITH_NATIONAL_ID:
            whole["national_id"] = national_id(record, person)
        if share("has company", record) < WITH_COMPANY:
            whole["company"] = company(record, person)
        columns = list(whole)
    item.update({column: whole[column] or "" for column in columns})
    item["record_id"] = record
    if share("careless record", record) < CARELESS:
        careless(item)
    if item["given_name"] and item["family_name"]:
        way = share("names", record)
        if way < NAMES_BOTH_WAYS + NAMES_TOGETHER:
            item["full_name"] = f"{item['given_name'].strip()} {item['family_name'].strip()}"
        if NAMES_BOTH_WAYS <= way < NAMES_BOTH_WAYS + NAMES_TOGETHER:
            item["given_name"] = item["family_name"] = ""
    item["entity_id"] = person
    return item


def main():
    with open(sys.argv[1], newline="") as customers, open(sys.argv[2], "w", newline="") as items:
        writer = csv.DictWriter(items, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(item, csv.DictReader(customers)))


if __name__ == "__main__":
    main()
