/*
 * The answers of libmfad as the JSON of PROTOCOL.md, section 13, for conformance.c. They are written field by field, since
 * jansson's largest number is 2^63 - 1.
 */

#include "conformance.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

void write_text(const char *said)
{
    json_t *value = json_string(said);

    if (value == NULL || json_dumpf(value, stdout, JSON_ENCODE_ANY) != 0)
        give_up("a text of the library is not UTF-8, or cannot be written");
    json_decref(value);
}

static void write_number(const char *name, uint64_t number)
{
    printf(",\"%s\":%" PRIu64, name, number);
}

static void write_option(const char *name, bool is_there, uint64_t number)
{
    if (is_there)
        write_number(name, number);
    else
        printf(",\"%s\":null", name);
}

static void write_field(const char *name, const char *said)
{
    printf(",\"%s\":", name);
    write_text(said);
}

static void write_truth(const char *name, bool holds)
{
    printf(",\"%s\":%s", name, holds ? "true" : "false");
}

void show_done(const request *r)
{
    (void)r;
    fputs("\"reply\":\"done\"", stdout);
}

void show_pong(const request *r)
{
    fputs("\"reply\":\"pong\"", stdout);
    write_truth("ready", r->pong.ready);
    write_field("version", r->pong.version);
    write_field("why", r->pong.why);
}

void show_need(const request *r)
{
    bool needs_ticket = r->need == MFAD_NEED_ENROLL_WITH_TICKET;
    const char *words[] = {"", "code", "enroll", "enroll", "nothing", "locked"};

    fputs("\"reply\":\"need\"", stdout);
    write_field("need", words[r->need]);
    if (needs_ticket || r->need == MFAD_NEED_ENROLL)
        write_truth("ticket", needs_ticket);
}

void show_status(const request *r)
{
    const mfad_account *account = &r->account;
    const char *words[] = {"", "none", "pending", "active", "locked"};

    fputs("\"reply\":\"status\"", stdout);
    write_field("realm", account->realm);
    write_field("user", account->user);
    write_field("state", words[account->state]);
    write_truth("enforced", account->enforced);
    write_number("recovery_left", account->recovery_left);
    write_option("enrolled_at", account->has_enrolled_at, account->enrolled_at);
    write_option("last_success", account->has_last_success, account->last_success);
    write_number("failures_since", account->failures_since);
    write_option("retry_after", account->retry_after > 0, account->retry_after);
}

void show_accepted(const request *r)
{
    const mfad_accepted *accepted = &r->accepted;
    const char *words[] = {"", "totp", "recovery", "password"};

    fputs("\"reply\":\"accepted\"", stdout);
    write_field("factor", words[accepted->factor]);
    write_number("recovery_left", accepted->recovery_left);
    write_number("failures_since", accepted->failures_since);
    if (!accepted->has_last_failure) {
        fputs(",\"last_failure\":null", stdout);
        return;
    }
    printf(",\"last_failure\":{\"time\":%" PRIu64 ",\"service\":", accepted->last_failure_time);
    write_text(accepted->last_failure_service);
    putchar('}');
}

/* The modules row by row, eight in two digits, the first in the highest bit. */
static void write_qr(const mfad_enrollment *enrollment)
{
    uint32_t size = mfad_enrollment_qr_size(enrollment);
    unsigned bits = 0;

    printf(",\"qr\":{\"size\":%" PRIu32 ",\"bits\":\"", size);
    for (uint32_t place = 0; place < (size * size + 7) / 8 * 8; place++) {
        bits = bits << 1 | (place < size * size && mfad_enrollment_qr_is_dark(enrollment, place / size, place % size));
        if (place % 8 == 7)
            printf("%02x", bits & 0xff);
    }
    fputs("\"}", stdout);
}

void show_enrollment(const request *r)
{
    fputs("\"reply\":\"enrollment\"", stdout);
    write_field("enrollment", mfad_enrollment_id(r->enrollment));
    write_field("uri", mfad_enrollment_uri(r->enrollment));
    write_qr(r->enrollment);
    write_number("expires_at", mfad_enrollment_expires_at(r->enrollment));
    write_field("handle", mfad_enrollment_handle(r->enrollment));
}

void show_reset(const request *r)
{
    if (r->enrollment == NULL)
        show_done(r);
    else
        show_enrollment(r);
}

static void write_codes(const mfad_codes *codes)
{
    fputs(",\"recovery_codes\":[", stdout);
    for (size_t index = 0; index < mfad_codes_count(codes); index++) {
        if (index > 0)
            putchar(',');
        write_text(mfad_codes_at(codes, index));
    }
    putchar(']');
}

void show_enrolled(const request *r)
{
    fputs("\"reply\":\"enrolled\"", stdout);
    write_codes(r->codes);
}

void show_renewed(const request *r)
{
    fputs("\"reply\":\"recovery_codes\"", stdout);
    write_codes(r->codes);
}

void show_refusal(mfad_result result, const mfad_client *client)
{
    static const char *const words[] = {
        [MFAD_RESULT_DENIED] = "denied",
        [MFAD_RESULT_TRY_LATER] = "try_later",
        [MFAD_RESULT_ENROLLMENT_REQUIRED] = "enrollment_required",
        [MFAD_RESULT_NOT_PERMITTED] = "not_permitted",
        [MFAD_RESULT_UNAVAILABLE] = "unavailable",
        [MFAD_RESULT_MALFORMED] = "malformed",
        [MFAD_RESULT_UNSUPPORTED] = "unsupported",
    };

    fputs("\"reply\":\"refused\"", stdout);
    write_field("refusal", words[result]);
    if (result == MFAD_RESULT_TRY_LATER)
        write_number("seconds", mfad_retry_after(client));
}
