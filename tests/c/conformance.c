/*
 * Lets mfad-conformance judge libmfad: makes the calls that it reads, and writes what came of them, as PROTOCOL.md,
 * section 14, says: conformance SOCKET
 */

#include "conformance.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *socket_path;

void give_up(const char *why)
{
    fprintf(stderr, "conformance: %s\n", why);
    exit(1);
}

static mfad_result ping(request *r)
{
    return mfad_ping(r->client, &r->pong);
}

static mfad_result begin(request *r)
{
    return mfad_begin(r->client, &r->login, &r->need);
}

static mfad_result status(request *r)
{
    return mfad_status(r->client, r->login.user, &r->account);
}

static mfad_result verify(request *r)
{
    return mfad_verify(r->client, &r->login, r->code, &r->accepted);
}

static mfad_result enroll(request *r)
{
    const mfad_secret *ticket = r->ticket.data == NULL ? NULL : &r->ticket;
    mfad_result result = mfad_set_issuer(r->client, r->issuer);

    return result != MFAD_RESULT_OK ? result : mfad_enroll(r->client, &r->login, &r->proof, ticket, &r->enrollment);
}

static mfad_result confirm(request *r)
{
    return mfad_confirm(r->client, r->login.user, r->id, r->code, &r->codes);
}

static mfad_result reset(request *r)
{
    return mfad_reset(r->client, &r->login, &r->proof, r->code, &r->enrollment);
}

static mfad_result authenticate(request *r)
{
    return mfad_authenticate(r->client, &r->login, r->password, r->code, &r->accepted);
}

static mfad_result recovery(request *r)
{
    return mfad_recovery(r->client, r->login.user, &r->proof, r->code, &r->codes);
}

static mfad_result resync(request *r)
{
    return mfad_resync(r->client, r->login.user, &r->proof, r->first, r->second);
}

static mfad_result passwd(request *r)
{
    return mfad_passwd(r->client, r->login.user, r->old, r->code, r->new);
}

typedef struct {
    const char *name;
    mfad_result (*ask)(request *);
    void (*show)(const request *);
} call;

static const call calls[] = {
    {"ping", ping, show_pong},
    {"begin", begin, show_need},
    {"status", status, show_status},
    {"verify", verify, show_accepted},
    {"enroll", enroll, show_enrollment},
    {"confirm", confirm, show_enrolled},
    {"reset", reset, show_reset},
    {"authenticate", authenticate, show_accepted},
    {"recovery", recovery, show_renewed},
    {"resync", resync, show_done},
    {"passwd", passwd, show_done},
};

static const call *find(const char *name)
{
    for (size_t place = 0; place < sizeof calls / sizeof calls[0]; place++)
        if (strcmp(calls[place].name, name) == 0)
            return &calls[place];
    return NULL;
}

/* Frees what an answer has handed out, and so wipes it. */
static void forget(request *asked)
{
    mfad_enrollment_free(asked->enrollment);
    mfad_codes_free(asked->codes);
    asked->enrollment = NULL;
    asked->codes = NULL;
}

static void write_outcome(const char *kind, const char *said)
{
    printf("{\"%s\":", kind);
    write_text(said);
    putchar('}');
}

static void ask(const call *call, request *asked, unsigned long times)
{
    mfad_result result = MFAD_RESULT_INVALID;

    while (times-- > 0) {
        forget(asked);
        result = call->ask(asked);
    }
    if (result == MFAD_RESULT_OK || (result >= MFAD_RESULT_DENIED && result <= MFAD_RESULT_UNSUPPORTED)) {
        fputs("{\"message\":{", stdout);
        if (result == MFAD_RESULT_OK)
            call->show(asked);
        else
            show_refusal(result, asked->client);
        fputs("}}", stdout);
    } else {
        write_outcome("error", mfad_message(asked->client));
    }
    forget(asked);
}

static void answer(const json_t *line)
{
    static request asked;
    const json_t *message = json_object_get(line, "message");
    const json_t *times = json_object_get(line, "times");
    const char *name = json_string_value(json_object_get(message, "call"));
    unsigned long repeated = times == NULL ? 1 : (unsigned long)json_number_value(times);
    const call *call = name == NULL ? NULL : find(name);

    if (name == NULL || repeated == 0)
        give_up("a line has no call, or is to make it never");
    memset(&asked, 0, sizeof asked);
    if (call == NULL)
        asked.lack = "the C library has no such call";
    else
        read_request(&asked, message);
    if (asked.lack != NULL)
        write_outcome("lacks", asked.lack);
    else
        ask(call, &asked, repeated);
    putchar('\n');
    if (fflush(stdout) != 0)
        give_up("nobody reads");
}

/* The next object. NULL at the end of the input. */
static json_t *next(void)
{
    json_error_t error;
    json_t *line;
    int first;

    do
        first = getchar();
    while (isspace(first));
    if (first == EOF)
        return NULL;
    ungetc(first, stdin);
    /* A NUL in a text is legal. Some numbers of calls that are lacking here are too large for an integer of jansson's. */
    line = json_loadf(stdin, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (line == NULL)
        give_up(error.text);
    return line;
}

int main(int count, char **arguments)
{
    json_t *line;

    if (count != 2) {
        fputs("usage: conformance SOCKET\n", stderr);
        return 2;
    }
    socket_path = arguments[1];
    while ((line = next()) != NULL) {
        answer(line);
        json_decref(line);
    }
    free_clients();
    return 0;
}
