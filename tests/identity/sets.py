"""The sets of records to measure with: read, stripped of truth, rows shuffled, keys numbered anew."""

import csv
import pathlib
import random
import subprocess
import sys

import pyarrow
import pyarrow.parquet

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent / "data" / "identity"
SEED = 7


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    columns = zip(*([cell.strip() or None for cell in row] for row in rows[1:]))
    return dict(zip((name.strip() for name in rows[0]), map(list, columns)))


def febrl3():
    table = read_csv(DATA / "febrl3.csv")
    names = table.pop("rec_id")
    return table, ["-".join(name.split("-")[:2]) for name in names]


def fake_1000():
    table = read_csv(DATA / "fake_1000.csv")
    del table["unique_id"]
    return table, table.pop("cluster")


def historical_50k():
    table = pyarrow.parquet.read_table(DATA / "historical_figures_with_errors_50k.parquet").to_pydict()
    del table["unique_id"]
    return table, table.pop("cluster")


def customers(rows, folder):
    path = folder / f"invented_{rows}.parquet"
    if not path.exists():
        subprocess.run([sys.executable, HERE / "people_gen.py", str(rows), path], check=True)
    table = pyarrow.parquet.read_table(path).to_pydict()
    del table["record_id"], table["household_id"]
    return table, table.pop("entity_id")


def write(table, name, path):
    pyarrow.parquet.write_table(pyarrow.table(table), path / f"{name}.parquet", compression="zstd")


def prepare(name, table, truth, folder):
    """Writes NAME.parquet without truth and NAME_truth.parquet; returns what `halve` takes."""
    rng = random.Random(SEED)
    order = list(range(len(truth)))
    rng.shuffle(order)
    keys = [str(key) for key in rng.sample(range(10 * len(order)), len(order))]
    truth = [str(truth[row]) for row in order]
    shuffled = {"record_id": keys, **{column: [cells[row] for row in order] for column, cells in table.items()}}
    write(shuffled, name, folder)
    write({"record_id": keys, "truth": truth}, f"{name}_truth", folder)
    return name, shuffled, truth, rng, folder


def halve(name, shuffled, truth, rng, folder):
    """Writes NAME_asked.parquet with the truth about half of the people, NAME_held.parquet, NAME_held_truth.parquet."""
    people = sorted(set(truth))
    asked = set(rng.sample(people, len(people) // 2))
    for half, is_asked in [("asked", True), ("held", False)]:
        rows = [row for row, person in enumerate(truth) if (person in asked) == is_asked]
        kept = {column: [cells[row] for row in rows] for column, cells in shuffled.items()}
        answers = [truth[row] for row in rows]
        write({**kept, "truth": answers} if is_asked else kept, f"{name}_{half}", folder)
    write({"record_id": kept["record_id"], "truth": answers}, f"{name}_held_truth", folder)
