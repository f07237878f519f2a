#!/usr/bin/env python3
"""A client of mfad in plain Python, written from proto/PROTOCOL.md alone: a login service needs no more than this.

usage: mfad.py SOCKET verify USER
The code of USER, in realm system, is read from the first line of standard input. The exit status is that of mfactl: 0
accepted, 1 denied, 2 usage, 3 try later, 4 no answer, 5 not permitted, 6 enrolment required, 7 anything else.
"""
import contextlib
import os
import pwd
import socket
import struct
import sys
import time

DEADLINE, ATTEMPTS = 5.0, 3  # seconds for all attempts; only what the server did not look at is sent again
VERIFY, REFUSED, GOING_AWAY, ACCEPTED = 3, 0, 1, 5
REFUSALS = [  # exit status and words, by the number of the refusal
    (1, "Not accepted. Each code works once: wait for the next one."), (3, "Too many failures: wait {} seconds."),
    (6, "A second factor must be set up first."), (5, "This is not permitted."), (4, "The server cannot answer now."),
    (7, "The request is malformed."), (7, "The server does not support this.")]


class NoAnswer(Exception):
    pass


def counted(value):  # its length is below 2^16 here
    return (bytes([len(value)]) if len(value) <= 250 else struct.pack("<BH", 0xFB, len(value))) + value


class Body:
    def __init__(self, content):
        self.content = content

    def take(self, count):
        if count > len(self.content):
            raise NoAnswer("the answer ends too early")
        taken, self.content = self.content[:count], self.content[count:]
        return taken

    def integer(self, width):
        first = self.take(1)[0]
        size = 0 if first <= 250 else {0xFB: 2, 0xFC: 4, 0xFD: 8}.get(first, 16)
        self.below(size, width + 1)
        return int.from_bytes(self.take(size), "little") if size else first

    def below(self, value, limit):
        if value >= limit:
            raise NoAnswer("the answer breaks a rule")
        return value


def may_serve(uid):
    if uid in (0, os.geteuid()) or os.environ.get("MFAD_SERVER_UID") == str(uid):
        return True
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("mfad").pw_uid == uid
    return False


def left(end):
    if time.monotonic() >= end:
        raise NoAnswer("the server did not answer in time")
    return max(end - time.monotonic(), 0.001)


def connect(connection, path, end):
    while True:
        connection.settimeout(left(end))
        with contextlib.suppress(BlockingIOError):  # the server's queue is full
            connection.connect(path)
            break
        time.sleep(0.01)
    uid = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    if not may_serve(uid):
        raise NoAnswer(f"uid {uid} serves there, who may not: nothing was sent")


def receive(connection, count, end):
    content = b""
    while len(content) < count:
        connection.settimeout(left(end))
        piece = connection.recv(count - len(content))
        if not piece:
            raise NoAnswer("the server closed the connection: use a new code")
        content += piece
    return content


def exchange(path, content, end):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connect(connection, path, end)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # what it said is to be read
            connection.sendall(struct.pack("<I", len(content)) + content)
        length = struct.unpack("<I", receive(connection, 4, end))[0]
        if not 1 <= length <= 4096:
            raise NoAnswer("the answer has no legal length")
        content = receive(connection, length, end)
    if content[0] != 1:
        raise NoAnswer("the server speaks another version of the protocol")
    return Body(content[1:])


def read(body):
    head, result = (body.integer(8), body.integer(4)), None  # None: going away, and the request was not looked at
    if head == (1, REFUSED):
        status, words = REFUSALS[body.below(body.integer(4), len(REFUSALS))]
        result = status, words.format(body.integer(4)) if "{}" in words else words
    elif head == (1, ACCEPTED):
        body.below(body.integer(4), 2)  # a password alone is no answer to a code
        result = 0, f"Accepted. Recovery codes left: {body.integer(4)}. Failed tries: {body.integer(4)}."
        if body.below(body.take(1)[0], 2):
            body.integer(8)
            body.take(body.below(body.integer(8), 65)).decode()
    elif head != (0, GOING_AWAY):
        raise NoAnswer("this is no answer to the request")
    body.below(len(body.content), 1)
    return result


def main(arguments):
    if len(arguments) != 3 or arguments[1] != "verify":
        raise ValueError(__doc__)
    user = arguments[2].encode()
    if not 1 <= len(user) <= 255 or any(c in ":/" or c < " " or "\x7f" <= c < "\xa0" for c in arguments[2]):
        raise ValueError("this is no user")
    line, end = sys.stdin.buffer.readline(1024), time.monotonic() + DEADLINE
    if not line:  # an empty code is a wrong one, and counted
        raise ValueError("a code is expected on standard input")
    code = line.rstrip(b"\r\n")
    if len(code) > 64:
        return 7, "A code has at most 64 bytes."
    content = bytes([1, 1, VERIFY, 0]) + b"".join(map(counted, (b"system", user, code, b"mfad.py", b"", b"")))
    try:
        answers = (read(exchange(arguments[0], content, end)) for _ in range(ATTEMPTS))
        return next((answer for answer in answers if answer), (4, "the server sends everybody away"))
    except TimeoutError:
        return 4, "the server did not answer in time: use a new code"
    except (NoAnswer, OSError, UnicodeDecodeError) as error:
        return 4, f"{arguments[0]}: {error}"


if __name__ == "__main__":
    try:
        status, said = main(sys.argv[1:])
    except ValueError as error:
        status, said = 2, f"{error}"
    print(said, file=sys.stderr if status else sys.stdout)
    sys.exit(status)
