"""Writes a Parquet file from a JSON file with a list of rows: make-parquet.py FILE ROWS"""

import json
import sys

import pyarrow
import pyarrow.parquet

path, rows = sys.argv[1:]
with open(rows, encoding="utf-8") as file:
    table = pyarrow.Table.from_pylist(json.load(file))
pyarrow.parquet.write_table(table, path, compression="zstd")
