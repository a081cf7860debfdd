"""Reads Delta tables with other people's readers and prints, for each, the
count of rows and, for each column, how many values it has and a sum that
changes if any value does.

    tables.py FOLDER NAME...

Standard output is JSON: {table: {reader: {"rows": n, "columns": {name: [values, sum]}}}}.
The sums: of texts the characters, of times the microseconds modulo a prime,
of whole numbers the numbers.
"""

import json
import sys
from pathlib import Path

import deltalake
import polars
import pyarrow

PRIME = 1_000_000_007


def expression(name, kind):
    """The sum of a column in SQL, by its Arrow type; none for types we do not use."""
    column = f'"{name}"'
    if kind == "text":
        return f"sum(character_length({column}))"
    if kind == "time":
        return f"sum(CAST({column} AS BIGINT) % {PRIME})"
    if kind == "integer":
        return f"sum({column})"
    return None


def kind_of(field):
    text = str(field).lower()
    if "timestamp" in text:
        return "time"
    if "string" in text or "utf8" in text:
        return "text"
    if "int" in text or "long" in text:
        return "integer"
    return "other"


def with_deltalake(path):
    """Through delta-rs and its own query engine."""
    table = deltalake.DeltaTable(str(path))
    schema = pyarrow.schema(table.schema().to_arrow())
    columns = [(field.name, kind_of(field.type)) for field in schema]
    summed = [(name, expression(name, kind)) for name, kind in columns]
    wanted = ["count(*)"]
    for name, total in summed:
        wanted += [f'count("{name}")', total or "NULL"]
    query = f"SELECT {', '.join(f'{what} AS c{at}' for at, what in enumerate(wanted))} FROM t"
    engine = deltalake.QueryBuilder().register("t", table)
    row = [column[0].as_py() for column in pyarrow.table(engine.execute(query).read_all()).columns]
    return {
        "rows": row[0],
        "columns": {name: [row[1 + 2 * at], row[2 + 2 * at]] for at, (name, _) in enumerate(summed)},
    }


def with_polars(path):
    """Through polars' own Parquet reader."""
    frame = polars.scan_delta(str(path)).collect()
    return {
        "rows": frame.height,
        "columns": {column.name: [column.len() - column.null_count(), polars_sum(column)] for column in frame},
    }


def polars_sum(column):
    if column.len() == column.null_count():
        return None
    if column.dtype == polars.String:
        return int(column.str.len_chars().cast(polars.Int64).sum())
    if column.dtype.is_integer():
        return int(column.cast(polars.Int64).sum())
    if isinstance(column.dtype, polars.Datetime):
        return int((column.dt.epoch("us") % PRIME).sum())
    return None


def main():
    folder, *names = sys.argv[1:]
    tables = {}
    for name in names:
        path = Path(folder) / name
        tables[name] = {"deltalake": with_deltalake(path), "polars": with_polars(path)}
    json.dump(tables, sys.stdout)


if __name__ == "__main__":
    main()
