"""A client of mfad with all calls in plain Python: one connection, one call at a time, by proto/PROTOCOL.md alone."""
import contextlib
import os
import select
import socket
import struct
import time

from encoding import MAX_LENGTH, frame, opened
from messages import REQUEST, RESPONSE, fits
from mfad import ATTEMPTS, DEADLINE, NoAnswer, connect, left, receive

PASSWORD_DEADLINE, PIPE_DEADLINE = 15.0, 60.0  # seconds: where a password is judged; for each piece of a backup
JUDGE_PASSWORDS = {"authenticate", "passwd", "set_password"}
GOING_AWAY = {"id": 0, "reply": "going_away"}
END_OF_BACKUP = b"mfad end"


def deadline(asked):
    with_password = asked["call"] in JUDGE_PASSWORDS or isinstance(asked.get("proof"), dict)
    return time.monotonic() + (PASSWORD_DEADLINE if with_password else DEADLINE)


def read_backup(pipe):
    piece, end = None, b""
    while piece != b"":
        if not select.select([pipe], [], [], PIPE_DEADLINE)[0]:
            raise NoAnswer("the backup does not go on")
        piece = os.read(pipe, 65536)
        end = (end + piece)[-len(END_OF_BACKUP):]
    if end != END_OF_BACKUP:
        raise NoAnswer("the backup is not whole")


class Client:
    """Its connection is made when it is needed, and closed at every error."""

    def __init__(self, path):
        self.path, self.connection, self.calls = path, None, 0

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def call(self, asked):
        """The reply to this request, both in the JSON of section 13 without an id; NoAnswer or OSError without one."""
        self.calls += 1
        content, end = frame(REQUEST, {**asked, "id": self.calls}), deadline(asked)
        try:
            for _ in range(ATTEMPTS):
                reply = self.exchange(content, end, asked)
                if reply:
                    return reply
                self.close()
            raise NoAnswer("the server sends everybody away")
        except BaseException:
            self.close()
            raise

    def exchange(self, content, end, asked):
        """The reply, or None where the server has not looked at the request: it is safe to send it again then alone."""
        if not self.connection:
            self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connect(self.connection, self.path, end)
        whole = self.send(content, end)
        with contextlib.ExitStack() as descriptors:
            try:
                reply, pipes = self.receive(end, descriptors)
            except (NoAnswer, OSError):
                if whole:
                    raise
                return None
            if reply == GOING_AWAY:
                return None
            if reply.pop("id") != self.calls or not fits(reply, asked):
                raise NoAnswer("this is no answer to the request")
            if reply["reply"] == "backup":
                if not pipes:
                    raise NoAnswer("no backup comes with the answer")
                read_backup(pipes[0])
            return reply

    def send(self, content, end):
        """Whether the last byte was written. Where it was not, what the server said before is still to be read."""
        self.connection.settimeout(left(end))
        try:
            self.connection.sendall(content)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def receive(self, end, descriptors):
        """A response, and what came beside the first byte of its frame."""
        self.connection.settimeout(left(end))
        first, pipes, _, _ = socket.recv_fds(self.connection, 4, 1, socket.MSG_CMSG_CLOEXEC)
        for pipe in pipes:
            descriptors.callback(os.close, pipe)
        if not first:
            raise NoAnswer("the server closed the connection")
        length = struct.unpack("<I", first + receive(self.connection, 4 - len(first), end))[0]
        if not 1 <= length <= MAX_LENGTH:
            raise NoAnswer("the answer has no legal length")
        return opened(RESPONSE, receive(self.connection, length, end)), pipes
