/* Reads the JSON of PROTOCOL.md, section 13, for conformance.c, and keeps the clients. */

#include "conformance.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A client asks about one realm alone: here is one for each that was asked about. */
typedef struct realm {
    char name[33];
    mfad_client *client;
    struct realm *next;
} realm;

static realm *realms;

static mfad_client *client_of(const char *name)
{
    realm *found = realms;

    while (found != NULL && strcmp(found->name, name) != 0)
        found = found->next;
    if (found == NULL) {
        mfad_client *client = mfad_new(name);
        if (client == NULL)
            return NULL;
        found = calloc(1, sizeof *found);
        if (found == NULL || mfad_set_path(client, socket_path) != MFAD_RESULT_OK)
            give_up("there is no memory, or the path is none of a socket");
        /* The client has taken it, so it has 32 bytes at most. */
        strcpy(found->name, name);
        found->client = client;
        found->next = realms;
        realms = found;
    }
    return found->client;
}

void free_clients(void)
{
    while (realms != NULL) {
        realm *first = realms;
        realms = first->next;
        mfad_free(first->client);
        free(first);
    }
}

static const char *text(request *asked, const json_t *within, const char *name)
{
    const json_t *value = json_object_get(within, name);
    const char *given = json_string_value(value);

    if (given != NULL && strlen(given) != json_string_length(value))
        asked->lack = "a text of C ends at its first NUL";
    return given;
}

static unsigned char byte(const char *digits)
{
    char both[3] = {digits[0], digits[1], '\0'};

    if (!isxdigit((unsigned char)both[0]) || !isxdigit((unsigned char)both[1]))
        give_up("a digit is not hexadecimal");
    return (unsigned char)strtoul(both, NULL, 16);
}

/* Text, or {"hex"} of bytes. Absent: {NULL, 0}, which no call takes. */
static mfad_secret secret(request *asked, const json_t *within, const char *name)
{
    const json_t *value = json_object_get(within, name);
    const json_t *hexadecimal = json_object_get(value, "hex");
    const char *digits = json_string_value(hexadecimal);
    unsigned char *bytes = asked->room + asked->used;
    size_t length = json_string_length(hexadecimal) / 2;

    if (digits == NULL)
        return (mfad_secret){json_string_value(value), json_string_length(value)};
    if (length > sizeof asked->room - asked->used || json_string_length(hexadecimal) % 2 != 0)
        give_up("hexadecimal digits are odd, or too many");
    for (size_t place = 0; place < length; place++)
        bytes[place] = byte(digits + 2 * place);
    asked->used += length;
    return (mfad_secret){bytes, length};
}

static void read_account(request *asked, const json_t *account)
{
    /* Ping is about none. */
    const char *realm = account == NULL ? "system" : text(asked, account, "realm");

    if (json_object_get(account, "handle") != NULL)
        asked->lack = "the C library knows no account by its handle";
    else if (realm == NULL)
        give_up("an account has no realm");
    else
        asked->client = client_of(realm);
    asked->login.user = text(asked, account, "user");
}

void read_request(request *asked, const json_t *message)
{
    const json_t *context = json_object_get(message, "context");
    const json_t *proof = json_object_get(message, "proof");

    read_account(asked, json_object_get(message, "account"));
    asked->login.service = text(asked, context, "service");
    asked->login.rhost = text(asked, context, "rhost");
    asked->login.tty = text(asked, context, "tty");
    asked->proof.kind = json_is_object(proof) ? MFAD_PROOF_PASSWORD : MFAD_PROOF_ASSERTED;
    asked->proof.password = secret(asked, proof, "password");
    asked->code = secret(asked, message, "code");
    asked->first = secret(asked, message, "first");
    asked->second = secret(asked, message, "second");
    asked->password = secret(asked, message, "password");
    asked->old = secret(asked, message, "old");
    asked->new = secret(asked, message, "new");
    asked->ticket = secret(asked, message, "ticket");
    asked->issuer = text(asked, message, "issuer");
    asked->id = text(asked, message, "enrollment");
}
