/*
 * command.h - the command document: a one-off order to a task's RUNNING instance, and its
 * answer in the same node (design.md, section 2: `…/<task>/commands/<id>`).
 *
 * mr-server makes the node, named by an id of the naming service; the instance that runs
 * the task answers by compare-and-set, so that an order is done once however often it is
 * read. An order: a member that is not known is an error. Only `version` and `type` must
 * be there. `type` is a text, so that a core can refuse by name what it does not know.
 */
#ifndef MR_CONTRACT_COMMAND_H
#define MR_CONTRACT_COMMAND_H

#include "common/contract/report.h"

#define COMMAND_HANDOVER "handover"

enum { COMMAND_VERSION = 1, COMMAND_DOCUMENT_MAX = 64 * 1024 };

enum command_state { COMMAND_PENDING, COMMAND_DONE, COMMAND_FAILED };

struct command_doc {
	char *type;
	char *by;		   /* who gave the order */
	uint64_t created_ms;	   /* times are milliseconds since 1970 */
	int state;		   /* enum command_state */
	char *node;		   /* the instance that answered; "" before */
	uint64_t finished_ms;	   /* 0 before */
	struct report_error error; /* of COMMAND_FAILED */
};

/* Pending, of no type. 0 or -ENOMEM. */
int command_doc_init(struct command_doc *d) MR_MUST_CHECK;
void command_doc_clear(struct command_doc *d);
int command_doc_parse(const char *text, size_t len, struct command_doc *ret,
		      struct err *err) MR_MUST_CHECK;
/* One line. Check out->failed. */
void command_doc_print(const struct command_doc *d, struct buf *out);
const char *command_state_name(enum command_state state);

/* The order that a server writes. 0 or -ENOMEM; d is set up first. */
int command_doc_order(struct command_doc *d, const char *type, const char *by,
		      uint64_t now_ms) MR_MUST_CHECK;
/* The answer: done, or failed when code is not NULL. 0 or -ENOMEM. */
int command_doc_answer(struct command_doc *d, const char *node, uint64_t now_ms, const char *code,
		       const char *message) MR_MUST_CHECK;

#endif
