"""The encoding of mfad's messages (proto/PROTOCOL.md, sections 2 and 3), and the JSON of section 13 for each type.

A kind is one type: how its value is read from a body, and how it is written. What takes kinds makes a type with parts.
Whatever breaks a rule is NoAnswer, in both directions, and no error's text bears a value. Python cannot wipe a secret.
"""
import re
import struct
from collections import namedtuple

from mfad import Body, NoAnswer, counted

VERSION, MAX_LENGTH = 1, 4096
Kind = namedtuple("Kind", "read write")


def want(holds):
    if not holds:
        raise NoAnswer("the message breaks a rule")


def integer(width):
    def write(value):
        want(type(value) is int and 0 <= value < 1 << 8 * width)
        if value <= 250:
            return bytes([value])
        marker, size = next(form for form in ((0xFB, 2), (0xFC, 4), (0xFD, 8)) if value < 1 << 8 * form[1])
        return bytes([marker]) + value.to_bytes(size, "little")

    return Kind(lambda body: body.integer(width), write)


U32, U64 = integer(4), integer(8)


def variant(body, variants):
    return list(variants)[body.below(body.integer(4), len(variants))]


def number(name, variants):
    want(isinstance(name, str) and name in variants)
    return U32.write(list(variants).index(name))


def byte(legal):
    def judged(value):
        want(type(value) is int and value in legal)
        return value

    return Kind(lambda body: judged(body.take(1)[0]), lambda value: bytes([judged(value)]))


def flag(value):
    want(isinstance(value, bool))
    return bytes([value])


BOOL = Kind(lambda body: body.below(body.take(1)[0], 2) == 1, flag)


def run(least, most, shown, parsed):
    """Bytes with a count: JSON shows them by the one function, and they are parsed from it by the other."""
    def judged(content):
        want(least <= len(content) <= most)
        return shown(content)

    def write(value):
        content = parsed(value)
        judged(content)
        return counted(content)

    return Kind(lambda body: judged(body.take(body.integer(8))), write)


def text(least, most, pattern=".*"):
    def shown(content):
        value = content.decode()
        want(re.fullmatch(pattern, value, re.DOTALL))
        return value

    def parsed(value):
        want(isinstance(value, str))
        return value.encode()

    return run(least, most, shown, parsed)


def unhexed(value):
    want(isinstance(value, str) and re.fullmatch("(?:[0-9a-f]{2})*", value))
    return bytes.fromhex(value)


def typed(most):
    """Bytes as a person typed them: text where they are UTF-8."""
    def shown(content):
        try:
            return content.decode()
        except UnicodeDecodeError:
            return {"hex": content.hex()}

    def parsed(value):
        if isinstance(value, str):
            return value.encode()
        want(isinstance(value, dict) and value.keys() == {"hex"})
        return unhexed(value["hex"])

    return run(0, most, shown, parsed)


def items(kind, most=MAX_LENGTH):
    def read(body):
        count = body.integer(8)
        want(count <= min(most, len(body.content)))
        return [kind.read(body) for _ in range(count)]

    def write(values):
        want(isinstance(values, list) and len(values) <= most)
        return U64.write(len(values)) + b"".join(map(kind.write, values))

    return Kind(read, write)


def option(kind):
    def read(body):
        return kind.read(body) if BOOL.read(body) else None

    return Kind(read, lambda value: b"\0" if value is None else b"\1" + kind.write(value))


def record(**fields):
    def read(body):
        return {name: kind.read(body) for name, kind in fields.items()}

    def write(value):
        want(isinstance(value, dict) and value.keys() == fields.keys())
        return b"".join(kind.write(value[name]) for name, kind in fields.items())

    return Kind(read, write)


def one_of(**variants):
    """An enum whose variants have one field or none: JSON has the bare name of one without."""
    def read(body):
        name = variant(body, variants)
        return {name: variants[name].read(body)} if variants[name] else name

    def write(value):
        bare = not isinstance(value, dict)
        want(bare or len(value) == 1)
        name = value if bare else next(iter(value))
        start = number(name, variants)
        want(bare == (variants[name] is None))
        return start if bare else start + variants[name].write(value[name])

    return Kind(read, write)


def names(*variants):
    return one_of(**dict.fromkeys(variants))


def tagged(key, **variants):
    """An enum of records: in JSON the name stands beside the fields."""
    def read(body):
        name = variant(body, variants)
        return {key: name} | variants[name].read(body)

    def write(value):
        want(isinstance(value, dict))
        fields = dict(value)
        name = fields.pop(key, None)
        return number(name, variants) + variants[name].write(fields)

    return Kind(read, write)


def ruled(kind, holds):
    """A type with one more rule."""
    def read(body):
        value = kind.read(body)
        want(holds(value))
        return value

    def write(value):
        content = kind.write(value)
        want(holds(value))
        return content

    return Kind(read, write)


def frame(kind, value):
    try:
        content = bytes([VERSION]) + kind.write(value)
    except UnicodeError:
        raise NoAnswer("a text is not UTF-8") from None
    want(len(content) <= MAX_LENGTH)
    return struct.pack("<I", len(content)) + content


def whole(kind, body):
    """The value that fills what is left of a body."""
    try:
        value = kind.read(body)
    except UnicodeError:
        raise NoAnswer("a text is not UTF-8") from None
    want(not body.content)
    return value


def opened(kind, content):
    """What stands in a frame behind its length."""
    if content[0] != VERSION:
        raise NoAnswer("the server speaks another version of the protocol")
    return whole(kind, Body(content[1:]))
