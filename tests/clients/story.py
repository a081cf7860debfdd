"""What the Python clients have in common: the story they tell (story.json, the same for every client) and the ledger
of what was sent, one JSON object a line."""

import json
import pathlib
import sys

WRITE_KEY = "wk"


def calls():
    """Yields the calls in order, each with a `call` number of its own in its properties or traits."""
    number = 0
    for call in json.loads(pathlib.Path(__file__).with_name("story.json").read_text()):
        for _ in range(call.pop("times", 1)):
            numbered = dict(call, call=number)
            for part in ("properties", "traits"):
                if part in call:
                    numbered[part] = dict(call[part], call=number)
            yield numbered
            number += 1


def argument_name(name):
    """The clients' name of a field: `userId` is their `user_id`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def tell(client, errors):
    """Makes every call of the story on `client`, waits until all is sent, and fails if `errors` has any."""
    ledger_path = sys.argv[2]
    with open(ledger_path, "a", encoding="utf-8") as ledger:
        for call in calls():
            arguments = {argument_name(name): value for name, value in call.items() if name not in ("type", "call")}
            accepted, sent = getattr(client, call["type"])(**arguments)
            if not accepted:
                sys.exit(f"the client's queue refused {call}")
            ledger.write(json.dumps(dict(call, messageId=sent["messageId"])) + "\n")
    client.shutdown()
    if errors:
        sys.exit(f"the client reports {errors}")
