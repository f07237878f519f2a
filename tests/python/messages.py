"""All messages of mfad, version 1: the tables of proto/PROTOCOL.md, and written from it alone."""
from collections import namedtuple

from encoding import (BOOL, MAX_LENGTH, U32, U64, Kind, byte, items, names, one_of, option, record, ruled, run, tagged,
                      text, typed, unhexed, want)

Call = namedtuple("Call", "fields replies")

# Section 4: the types.

CONTROL = r"\x00-\x1f\x7f-\x9f"
REALM, USER = text(1, 32, "[a-z][a-z0-9-]*"), text(1, 255, f"[^{CONTROL}:/]*")
HANDLE = text(38, 38, "mfad1:[A-Z2-7]{32}")
CODE, PASSWORD = typed(64), typed(1024)
ISSUER, NOTE = text(1, 64, f"[^{CONTROL}:]*"), text(1, 255, f"[^{CONTROL}]*")
LABEL, REMOTE_HOST = text(0, 64), text(0, 255)
SECRET_TEXT, LOG_LINE, STRING = text(0, 1400, r"[\x00-\x7f]*"), text(0, 3072, r"[^\n]*"), text(0, MAX_LENGTH)
TOTP_KEY, DIGITS = run(16, 64, bytes.hex, unhexed), byte(range(6, 9))


def written_id(value):
    content = unhexed(value)
    want(len(content) == 16)
    return content


ENROLLMENT_ID = Kind(lambda body: body.take(16).hex(), written_id)


def is_square(qr):
    modules, bits = qr["size"] ** 2, bytes.fromhex(qr["bits"])
    return len(bits) == (modules + 7) // 8 and bits[-1] & (1 << -modules % 8) - 1 == 0


QR_MATRIX = ruled(record(size=byte(range(1, 178)), bits=run(0, MAX_LENGTH, bytes.hex, unhexed)), is_square)
PERSON, BY_HANDLE = record(realm=REALM, user=USER), record(handle=HANDLE)


def read_account(body):
    return (PERSON, BY_HANDLE)[body.below(body.integer(4), 2)].read(body)


def written_account(value):
    by_handle = isinstance(value, dict) and "handle" in value
    return bytes([by_handle]) + (BY_HANDLE if by_handle else PERSON).write(value)


ACCOUNT = Kind(read_account, written_account)
PROOF = one_of(asserted=None, password=PASSWORD)
CONTEXT = record(service=LABEL, rhost=REMOTE_HOST, tty=LABEL)
FAILURE = record(time=U64, service=LABEL)
ENFORCEMENT = one_of(off=None, on=None, after=U64)
POLICY = record(enforcement=ENFORCEMENT, stored=BOOL, enforced=BOOL, first_factor=names("pam", "password", "asserted"),
                enroll=names("open", "ticket", "closed"), replace=names("code", "asserted"))
ALGORITHM = names("SHA1", "SHA256", "SHA512")
FOREIGN_FACTOR = record(key=TOTP_KEY, algorithm=ALGORITHM, digits=DIGITS)
LOG_FILTER = record(realm=option(REALM), user=option(USER), since=option(U64), until=option(U64), outcome=option(LABEL))
LOG_PLACE = record(file=U64, offset=U64)
STATS_PLACE = one_of(sample=U32, account=option(PERSON))

# Section 5: the calls, in the order of their numbers, each with the replies that answer it.


def call(*replies, **fields):
    return Call(record(**fields), replies)


OF_ONE, IN_REALM = {"account": ACCOUNT}, {"realm": REALM}
PROVED = {"account": ACCOUNT, "proof": PROOF}
CALLS = {
    "ping": call("pong"),
    "begin": call("need", **OF_ONE, context=CONTEXT),
    "status": call("status", **OF_ONE),
    "verify": call("accepted", **OF_ONE, code=CODE, context=CONTEXT),
    "enroll": call("enrollment", **PROVED, ticket=option(CODE), issuer=option(ISSUER), context=CONTEXT),
    "confirm": call("enrolled", **OF_ONE, enrollment=ENROLLMENT_ID, code=CODE),
    "reset": call("done", "enrollment", **PROVED, code=CODE, context=CONTEXT),
    "authenticate": call("accepted", **OF_ONE, password=PASSWORD, code=CODE, context=CONTEXT),
    "recovery": call("recovery_codes", **PROVED, code=CODE),
    "resync": call("done", **PROVED, first=CODE, second=CODE),
    "passwd": call("done", **OF_ONE, old=PASSWORD, code=CODE, new=PASSWORD),
    "list": call("accounts", **IN_REALM, after=option(USER), limit=U32),
    "show": call("profile", **OF_ONE),
    "disable": call("done", **OF_ONE, reason=NOTE),
    "unlock": call("done", **OF_ONE),
    "recover": call("issued", **OF_ONE),
    "remove": call("done", **OF_ONE),
    "set_policy": call("policy", **IN_REALM, enforcement=ENFORCEMENT),
    "get_policy": call("policy", **IN_REALM),
    "set_password": call("done", **OF_ONE, password=PASSWORD),
    "import_one": call("imported", **OF_ONE, factor=FOREIGN_FACTOR, apply=BOOL),
    "audit": call("log", after=option(LOG_PLACE), filter=LOG_FILTER, verify=BOOL),
    "stats": call("stats", after=option(STATS_PLACE)),
    "key_status": call("keys"),
    "key_rotate": call("keys"),
    "backup": call("backup", passphrase=PASSWORD),
    "list_handles": call("handles", **IN_REALM, after=option(USER), limit=U32),
}

# Sections 6 and 7: the replies, in the order of their numbers.

NOTHING = record()
REFUSAL = tagged("refusal", denied=NOTHING, try_later=record(seconds=U32), enrollment_required=NOTHING,
                 not_permitted=NOTHING, unavailable=NOTHING, malformed=NOTHING, unsupported=NOTHING)
NEED = tagged("need", code=NOTHING, enroll=record(ticket=BOOL), nothing=NOTHING, locked=NOTHING)
STATE = names("none", "pending", "active", "locked")
STAGE = names("pending", "current", "superseded")
HOLDER = names("not_unix", "same", "gone", "other", "unknown")
STATUS = record(realm=REALM, user=USER, state=STATE, enforced=BOOL, recovery_left=U32, enrolled_at=option(U64),
                last_success=option(U64), failures_since=U32, retry_after=option(U32))
LISTED = record(user=USER, state=STATE, enforced=BOOL, enrolled_at=option(U64), last_success=option(U64),
                recovery_left=U32, failures_since=U32, retry_after=option(U32), holder=HOLDER)
FACTOR_PROFILE = record(algorithm=ALGORITHM, digits=DIGITS, behind=U32, ahead=U32, handle=HANDLE)
FAULT = one_of(changed=None, missing=U64, lost=U64, crashed=None, cut=U64, no_file=None)
RECOVERY_CODES = record(recovery_codes=items(SECRET_TEXT, 10))
REPLY = tagged(
    "reply",
    refused=REFUSAL,
    going_away=NOTHING,
    pong=record(version=STRING, ready=BOOL, why=STRING),
    need=NEED,
    status=STATUS,
    accepted=record(factor=names("totp", "recovery", "password"), recovery_left=U32, failures_since=U32,
                    last_failure=option(FAILURE)),
    enrollment=record(enrollment=ENROLLMENT_ID, uri=SECRET_TEXT, qr=QR_MATRIX, expires_at=U64, handle=HANDLE),
    enrolled=RECOVERY_CODES,
    done=NOTHING,
    backup=record(records=U64),
    recovery_codes=RECOVERY_CODES,
    issued=record(code=SECRET_TEXT, expires_at=U64),
    keys=record(key=U32, made_at=U64, old=option(U32), records=U64, left=U64),
    policy=POLICY,
    accounts=record(accounts=items(LISTED), next=option(USER)),
    profile=record(status=STATUS, holder=HOLDER, uid=option(U32), factor=option(FACTOR_PROFILE), generation=U64,
                   pending_until=option(U64), issued_until=option(U64), has_password=BOOL, last_failure=option(FAILURE),
                   password_retry_after=option(U32), login_retry_after=option(U32), own_locked=BOOL),
    imported=record(already=BOOL, handle=option(HANDLE)),
    log=record(lines=items(LOG_LINE), findings=items(record(file=U64, line=U64, fault=FAULT)), passed=U32,
               next=option(LOG_PLACE)),
    stats=record(samples=items(record(metric=U32, labels=items(LABEL), value=U64)), next=option(STATS_PLACE)),
    handles=record(handles=items(record(handle=HANDLE, user=USER, stage=STAGE, since=U64)), next=option(USER)),
)


def with_id(kind):
    def write(value):
        want(isinstance(value, dict) and "id" in value)
        return U64.write(value["id"]) + kind.write({name: field for name, field in value.items() if name != "id"})

    return Kind(lambda body: {"id": U64.read(body)} | kind.read(body), write)


REQUEST = with_id(tagged("call", **{name: of_call.fields for name, of_call in CALLS.items()}))
RESPONSE = with_id(REPLY)


def fits(reply, asked):
    """Whether this reply answers the request: a refusal answers any."""
    if reply["reply"] == "accepted" and reply["factor"] == "password":
        return asked["call"] == "authenticate"
    return reply["reply"] == "refused" or reply["reply"] in CALLS[asked["call"]].replies
