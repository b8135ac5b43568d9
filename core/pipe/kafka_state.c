/*
 * kafka_state.c - is the cluster there? PIPE_UP and PIPE_AWAY, and why.
 *
 * librdkafka tells when all brokers are down, and nothing when one is back. Its
 * interceptor for broker states tells both; each broker has a thread, and its state
 * changes there, so a flag a thread is enough to count the brokers that are up. That
 * alone does not show a cluster that accepts connections and acknowledges nothing (too
 * few in-sync replicas, a partition without leader, a broker that hangs): so a time
 * without acknowledgements counts too.
 *
 * on_broker_state() runs on the library's threads, the rest on the deliver thread.
 */
#include "core/pipe/kafka_priv.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

enum {
	/* Without a connection for this long, the broker is away: shorter is a restart's blip. */
	AWAY_MS = 3000,
	/* A connection that lasts this long is one. */
	BACK_MS = 1000,
	/* Messages in flight and nothing acknowledged for this long. */
	STALLED_MS = 15000,
};

/* Any of the library's threads: a broker's connection changed its state. */
static rd_kafka_resp_err_t on_broker_state(rd_kafka_t *rk, int32_t id, const char *protocol,
					   const char *name, int port, const char *state,
					   void *opaque)
{
	/* A broker's state changes on that broker's own thread, so this is the broker's. */
	static _Thread_local bool up;
	struct kafka *k = opaque;
	bool now_up = strcmp(state, "UP") == 0 || strcmp(state, "UPDATE") == 0;
	(void)rk, (void)id, (void)protocol, (void)name, (void)port;
	if (now_up == up)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	up = now_up;
	atomic_fetch_add(&k->brokers_up, up ? 1 : -1);
	eventfd_write(k->events, 1);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t kafka_state_on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
				       char *text, size_t size)
{
	(void)conf, (void)text, (void)size;
	return rd_kafka_interceptor_add_on_broker_state_change(rk, "state", on_broker_state,
							       opaque);
}

/*
 * When connections came and went, and when something was acknowledged last. Returns
 * whether anything was since the last call.
 */
static bool observe(struct kafka *k, usec_t now)
{
	uint64_t acked = atomic_load_explicit(&k->base.acked, memory_order_relaxed);
	bool progress = acked != k->progress_ack;
	k->progress_ack = acked;
	if (progress || pipe_in_flight(&k->base) == 0)
		k->progress_at = now;
	if (atomic_load(&k->brokers_up) > 0) {
		k->was_up = true;
		k->down_since = 0;
		if (!k->up_since)
			k->up_since = now;
	} else {
		k->up_since = 0;
		if (!k->down_since)
			k->down_since = now;
	}
	return progress;
}

void kafka_state_update(struct kafka *k, usec_t now)
{
	bool progress = observe(k, now);
	bool away = k->down_since && now - k->down_since >= AWAY_MS * USEC_PER_MSEC;
	bool stalled = now - k->progress_at >= STALLED_MS * USEC_PER_MSEC;
	if (away || stalled) {
		char reason[64];
		snprintf(reason, sizeof(reason), "nothing was acknowledged for %d s",
			 STALLED_MS / 1000);
		if (away && !k->last_error[0])
			snprintf(reason, sizeof(reason), "no broker answers");
		pipe_set_state(&k->base, PIPE_AWAY, k->last_error[0] ? k->last_error : reason);
		return;
	}
	/*
	 * A broker that accepts connections and closes them is not back. One that stays is,
	 * and one that acknowledges.
	 */
	bool stays = k->up_since && now - k->up_since >= BACK_MS * USEC_PER_MSEC;
	if (progress || (stays && pipe_in_flight(&k->base) == 0))
		k->last_error[0] = 0; /* else it may yet explain why nothing comes */
	if (stays || progress)
		pipe_set_state(&k->base, PIPE_UP, "");
}
