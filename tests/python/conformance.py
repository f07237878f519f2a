#!/usr/bin/env python3
"""The client in plain Python as the conformance program drives it.

usage: conformance.py SOCKET

What it reads and writes stands in proto/PROTOCOL.md, section 14.
"""
import json
import sys

sys.dont_write_bytecode = True  # nothing is left beside the source

from client import Client  # noqa: E402
from messages import CALLS  # noqa: E402
from mfad import NoAnswer  # noqa: E402


def answer(client, order):
    message = order["message"]
    if message["call"] not in CALLS:
        return {"lacks": "there is no such call"}
    try:
        for _ in range(order.get("times", 1)):
            reply = client.call(message)
        return {"message": reply}
    except (NoAnswer, OSError) as error:
        return {"error": f"{error}"}


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    client = Client(arguments[0])
    for line in sys.stdin.buffer:
        print(json.dumps(answer(client, json.loads(line))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
