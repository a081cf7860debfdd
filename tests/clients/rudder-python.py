"""Drives rudder-sdk-python: rudder-python.py INGEST_URL LEDGER [plain]. It sends gzip unless told otherwise."""

import sys

import story
from rudderstack.analytics.client import Client

errors = []
client = Client(
    story.WRITE_KEY,
    host=sys.argv[1],
    gzip="plain" not in sys.argv[3:],
    upload_size=15,
    on_error=lambda error, batch: errors.append(repr(error)),
)
story.tell(client, errors)
