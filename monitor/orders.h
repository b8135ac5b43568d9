/*
 * orders.h - orders to the alerting monitor (common/contract/order.h): a test notification
 * through a channel, answered in the order's node. Main thread.
 *
 * An order is done when every channel that it names took the test, failed when one did not
 * (one try each); what comes after ORDERS_PATIENCE is refused, for whoever gave it waits no
 * longer. Orders are removed an hour after they were given.
 */
#ifndef MR_MONITOR_ORDERS_H
#define MR_MONITOR_ORDERS_H

#include "common/zk/zk.h"
#include "monitor/alerts.h"

#define ORDERS_PATIENCE (120 * USEC_PER_SEC)

struct orders;

/* Of the options those about sending are used. `node` is this monitor's, as it is now. */
struct orders *orders_open(const struct alerts_options *o, const char *(*node)(void *ctx));
/* NULL is nothing. */
void orders_close(struct orders *s);
void orders_lead(struct orders *s, bool lead);
/* Looks at what has come and removes what is old; every second or so. */
void orders_look(struct orders *s);
/* False: the result is of no order. */
bool orders_result(struct orders *s, const struct sender_result *result);

#endif
