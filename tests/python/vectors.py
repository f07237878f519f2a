#!/usr/bin/env python3
"""What the golden frames of proto/vectors mean to messages.py.

Each line of standard input is an object {"kind", "frame"} as in a vector. It is answered by a line of JSON: a good
frame by {"message", "frame"}, the message and the frame as it is written again; a bad one by {"answer"}.
"""
import json
import struct
import sys

sys.dont_write_bytecode = True  # nothing is left beside the source

from encoding import MAX_LENGTH, U32, U64, VERSION, frame, opened, want, whole  # noqa: E402
from messages import CALLS, REQUEST, RESPONSE  # noqa: E402
from mfad import Body, NoAnswer  # noqa: E402

CLOSE = {"answer": {"id": 0, "refusal": "malformed", "close": True}}


def content_of(stream):
    """What stands in the first frame behind its length: nothing when it is not whole."""
    length = struct.unpack("<I", stream[:4])[0] if len(stream) >= 4 else None
    want(length is None or 1 <= length <= MAX_LENGTH)
    return None if length is None or len(stream) < 4 + length else stream[4:4 + length]


def request(stream):
    """As a server must take it: section 2."""
    try:
        content = content_of(stream)
        if content is None:
            return {"answer": {"wait": True}}
        if content[0] != VERSION:
            return {"answer": {"version_refusal": True, "close": True}}
        body = Body(content[1:])
        asked = U64.read(body)
        want(asked != 0)
    except NoAnswer:
        return CLOSE
    refusal = "malformed"
    try:
        number = U32.read(body)
        if number < len(CALLS):
            name = list(CALLS)[number]
            message = {"id": asked, "call": name} | whole(CALLS[name].fields, body)
            return {"message": message, "frame": frame(REQUEST, message).hex()}
        refusal = "unsupported"
    except NoAnswer:
        pass
    return {"answer": {"id": asked, "refusal": refusal}}


def response(stream):
    """As a client must take it: an answer or none."""
    try:
        content = content_of(stream)
        want(content is not None)
        message = opened(RESPONSE, content)
        return {"message": message, "frame": frame(RESPONSE, message).hex()}
    except NoAnswer:
        return {"answer": {"reject": True}}


for line in sys.stdin:
    vector = json.loads(line)
    read = {"request": request, "response": response}[vector["kind"]]
    print(json.dumps(read(bytes.fromhex(vector["frame"]))), flush=True)
