/*
 * machines.h - which mr-core processes there are, and which vanished without a clean stop.
 *
 * A process that stops says so in its last document (`stopping`, or `draining` before it),
 * and its node goes at once; one that dies says nothing, and its node goes when the session
 * ends. A machine is its hostname: one that is back under a new node is back. Which machines
 * there were is kept as the data of /alerts itself,
 *
 *   {"version":1,"machines":[{"hostname":"h1","held":3,"gone_ms":0}]}
 *
 * (gone_ms: since when it is gone, 0 while it is there), written by the alerting monitor, so
 * that a successor, or this one after a restart, misses nobody. A machine that does not come
 * back is forgotten after the rule's threshold. Main thread.
 */
#ifndef MR_MONITOR_MACHINES_H
#define MR_MONITOR_MACHINES_H

#include "common/zk/zk.h"
#include "monitor/alerts.h"

struct machines;

struct machines *machines_open(struct zk *zk);
/* NULL is nothing. */
void machines_close(struct machines *m);
/* This monitor begins (reads what was kept) or ceases to write them. */
void machines_lead(struct machines *m, bool lead);
/* Reads and writes what is kept; call it often. */
void machines_look(struct machines *m);
/* Whether all is known: else nobody may be judged, as who is not known is not gone. */
bool machines_ready(const struct machines *m);
/* Asks the rule about all, and forgets who is gone for too long. */
void machines_evaluate(struct machines *m, struct alerts *alerts,
		       const struct rule_setting *setting, usec_t now);
size_t machines_present(const struct machines *m);
size_t machines_gone(const struct machines *m);

#endif
