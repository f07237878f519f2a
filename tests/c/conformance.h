/* What the parts of conformance.c share: one call, how it is read, and how its answer is written. */

#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <jansson.h>
#include <mfad.h>
#include <stdbool.h>
#include <stddef.h>

/* One call: what is asked, and the places for the answer. What a call does not have is NULL. */
typedef struct {
    mfad_client *client;
    mfad_login login;
    mfad_proof proof;
    mfad_secret code, first, second, password, old, new, ticket;
    const char *issuer, *id;
    /* Why C cannot carry the message, or NULL. */
    const char *lack;
    /* The bytes that were given in hexadecimal. */
    unsigned char room[4096];
    size_t used;

    mfad_pong pong;
    mfad_need need;
    mfad_account account;
    mfad_accepted accepted;
    mfad_enrollment *enrollment;
    mfad_codes *codes;
} request;

/* Ends the program where it has nothing to answer: the input is none of section 14, or there is no memory. */
void give_up(const char *why);

extern const char *socket_path;

/* Reads a message into a request of zeros, and finds the client of its realm: NULL where the realm's name is not legal. */
void read_request(request *asked, const json_t *message);
void free_clients(void);

/* Writes a text as JSON. */
void write_text(const char *said);

/* Each writes the members of a reply. */
void show_done(const request *r);
void show_pong(const request *r);
void show_need(const request *r);
void show_status(const request *r);
void show_accepted(const request *r);
void show_enrollment(const request *r);
/* Done, or an enrolment. */
void show_reset(const request *r);
void show_enrolled(const request *r);
void show_renewed(const request *r);
void show_refusal(mfad_result result, const mfad_client *client);

#endif
