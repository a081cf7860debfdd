"""Drives segment-analytics-python: segment-python.py INGEST_URL LEDGER [gzip]."""

import sys

import story
from segment.analytics.client import Client

errors = []
client = Client(
    story.WRITE_KEY,
    host=sys.argv[1],
    gzip="gzip" in sys.argv[3:],
    upload_size=15,
    on_error=lambda error, batch: errors.append(repr(error)),
)
story.tell(client, errors)
