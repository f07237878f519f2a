/* Looks into every block of memory that is given back, for a secret that should have been wiped before. */

#define _GNU_SOURCE
#include <malloc.h>
#include <stddef.h>
#include <string.h>

extern void __libc_free(void *block);
extern void *__libc_realloc(void *block, size_t size);
void watch_for(const char *secret);
unsigned watch_seen(void);

enum { MOST = 64, LONGEST = 2048 };

static char secrets[MOST][LONGEST];
static unsigned known;
static unsigned seen;

static void look(void *block)
{
    for (unsigned number = 0; block != NULL && number < known; number++)
        if (memmem(block, malloc_usable_size(block), secrets[number], strlen(secrets[number])) != NULL)
            seen++;
}

void watch_for(const char *secret)
{
    if (known < MOST && strlen(secret) < LONGEST)
        strcpy(secrets[known++], secret);
}

/* How many such blocks there were. A block that finds itself another place is given back, too. */
unsigned watch_seen(void)
{
    return seen;
}

void free(void *block)
{
    look(block);
    __libc_free(block);
}

void *realloc(void *block, size_t size)
{
    look(block);
    return __libc_realloc(block, size);
}
