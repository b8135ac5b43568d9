/*
 * tokens.h - all tokens in memory, kept current by a watch, and those in the tree.
 *
 * A request costs no round trip: tokens_check() looks into memory, under a lock. The cache
 * follows /tokens from the main thread: a token that is deleted anywhere stops within
 * milliseconds; while ZooKeeper cannot be reached nobody is let in at all (the API says
 * 503 before it asks). A token that is not in memory yet is looked for in the tree, a few
 * times a second at most, so that one that was made a moment ago works at once.
 */
#ifndef MR_SERVER_STORE_TOKENS_H
#define MR_SERVER_STORE_TOKENS_H

#include "server/store/store.h"
#include "server/store/token.h"

struct tokens;

/* Main thread; watches from then on. NULL: no memory. */
struct tokens *tokens_open(struct store *s);
void tokens_close(struct tokens *t);

struct tokens_found {
	char id[TOKEN_ID_LEN + 1];
	char name[TOKEN_NAME_MAX + 1];
	int role; /* enum token_role */
};

/* Any thread. 0; -EACCES: no, whatever the reason; or why it cannot be told. */
int tokens_check(struct tokens *t, const char *text, struct tokens_found *ret,
		 struct err *err) MR_MUST_CHECK;

/* In the tree; wait. */

/* `d` has name, role, expires_ms and by; gets the rest. ret_text is to be wiped. */
int tokens_create(struct store *s, struct token_doc *d, char ret_text[TOKEN_TEXT_SIZE],
		  struct err *err) MR_MUST_CHECK;
/* ERR_API_NOT_FOUND. */
int tokens_delete(struct store *s, const char *id, struct err *err) MR_MUST_CHECK;

#endif
