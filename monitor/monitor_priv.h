/* monitor_priv.h - the daemon's state, for monitor.c and monitor_metrics.c. Main thread. */
#ifndef MR_MONITOR_MONITOR_PRIV_H
#define MR_MONITOR_MONITOR_PRIV_H

#include "common/daemon/daemon.h"
#include "common/daemon/pages.h"
#include "monitor/alerts.h"
#include "monitor/machines.h"
#include "monitor/monitor_config.h"
#include "monitor/orders.h"
#include "monitor/watch.h"

struct monitor {
	const struct monitor_config *config;
	struct daemon *daemon;
	struct sender *sender;
	struct alerts *alerts;
	struct orders *orders;
	struct watch *watch;
	struct machines *machines;
	struct pages *pages;
	struct daemon_timer *tick;
	sd_event_source *sender_source;
	struct alerts_channel *channels;
	usec_t *heartbeats; /* of each channel, when it is due; clock_boot */
	char servers[512];  /* of ZooKeeper, in one order for every monitor */

	bool lead;
	bool new_session;
	bool connected;
	bool ever_connected;
	bool late_start;     /* ZooKeeper was away when this process started */
	usec_t away_since;   /* clock_boot, while not connected */
	usec_t settle_until; /* tasks have until then to come back */
	usec_t stop_by;	     /* clock_boot; 0: not stopping */

	/*
	 * The monitor's own clock: moves by what passed between two rounds, but by no more
	 * than a few intervals, so that an hour without ZooKeeper is none for "for 1m".
	 */
	usec_t now;
	usec_t round_at; /* clock_boot of the last round's begin */
	usec_t next_round;
	bool round;	     /* under way */
	usec_t evaluated_at; /* clock_boot; 0: never */
	usec_t evaluated_wall;
	usec_t took; /* the last round */
};

void monitor_metrics(void *ctx, struct metrics *m);

#endif
