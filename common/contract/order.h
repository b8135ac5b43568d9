/*
 * order.h - the order document: what the alerting monitor shall do once, and its answer in
 * the same node (design.md, section 2: `/orders/<id>`).
 *
 * mr-server makes the node, named by an id of the naming service ("order-job-…"); the
 * monitor answers by compare-and-set and removes orders older than an hour. An order: a
 * member that is not known is an error. Only `version` and `type` must be there. `type` is
 * a text, so that a monitor can refuse by name what it does not know.
 *
 *   {"version":1,"type":"test_alert","by":"alice","created_ms":N,"channel":"oncall",
 *    "state":"pending|done|failed","node":"m1-0000000003","finished_ms":N,"error":null}
 */
#ifndef MR_CONTRACT_ORDER_H
#define MR_CONTRACT_ORDER_H

#include "common/contract/report.h"

#define ORDER_TEST_ALERT "test_alert" /* a test notification through one channel or all */

enum { ORDER_VERSION = 1, ORDER_DOCUMENT_MAX = 64 * 1024 };

enum order_state { ORDER_PENDING, ORDER_DONE, ORDER_FAILED };

struct order_doc {
	char *type;
	char *by;		   /* who gave the order */
	uint64_t created_ms;	   /* times are milliseconds since 1970 */
	char *channel;		   /* "" for all of them */
	int state;		   /* enum order_state */
	char *node;		   /* the monitor that answered; "" before */
	uint64_t finished_ms;	   /* 0 before */
	struct report_error error; /* of ORDER_FAILED */
};

/* Pending, of no type. 0 or -ENOMEM. */
int order_doc_init(struct order_doc *d) MR_MUST_CHECK;
void order_doc_clear(struct order_doc *d);
int order_doc_parse(const char *text, size_t len, struct order_doc *ret,
		    struct err *err) MR_MUST_CHECK;
/* One line. Check out->failed. */
void order_doc_print(const struct order_doc *d, struct buf *out);
const char *order_state_name(enum order_state state);

/* The order that a server writes, into a document that was set up. 0 or -ENOMEM. */
int order_doc_test(struct order_doc *d, const char *channel, const char *by,
		   uint64_t now_ms) MR_MUST_CHECK;
/* The answer: done, or failed when code is not NULL. 0 or -ENOMEM. */
int order_doc_answer(struct order_doc *d, const char *node, uint64_t now_ms, const char *code,
		     const char *message) MR_MUST_CHECK;

#endif
