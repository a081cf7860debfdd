"""Prints the signature of a webhook by the PyPI package standardwebhooks: sign.py SECRET ID SECONDS PAYLOAD"""

import datetime
import sys

from standardwebhooks.webhooks import Webhook

secret, message_id, seconds, payload = sys.argv[1:]
time = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
print(Webhook(secret).sign(message_id, time, payload))
