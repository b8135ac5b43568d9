/*
 * task_peer.c - Debezium's names of settings: those that stand elsewhere in our document, and the
 * text of skipped.operations. Pure.
 */
#include "common/contract/task_priv.h"

#include <errno.h>

/* What of a name follows is any text, where `prefix` is set. */
static const struct {
	const char *name;
	bool prefix;
	const char *ours;
} elsewhere[] = {
	{"tombstones.on.delete", false, "it is pipe.tombstones"},
	{"message.key.columns", false, "it is pipe.key, \"columns:…\""},
	{"topic.prefix", false, "it is the task's name; pipe.topic names topics"},
	{"topic.", true, "pipe.topic and pipe.topics name topics"},
	{"transaction.topic", false, "it is pipe.topics.transaction"},
	{"heartbeat.", true, "it is pipe.topics.heartbeat"},
	{"include.schema.changes", false, "it is pipe.topics.schema_changes"},
	{"include.schema.comments", false, "schemas have no comments"},
	{"schemas.enable", false,
	 "there are key.converter.schemas.enable and value.converter.schemas.enable"},
	{"table.include.list", false, "it is tables.include"},
	{"table.exclude.list", false, "it is tables.exclude"},
	{"table.ignore.builtin", false, "it is tables.include"},
	{"database.include.list", false, "it is tables.include, \"database.*\""},
	{"database.exclude.list", false, "it is tables.exclude, \"database.*\""},
	{"database.", true, "it is in source"},
	{"column.exclude.list", false, "it is tables.columns with the action drop"},
	{"column.include.list", false, "it is tables.columns with the action drop"},
	{"column.mask.", true, "it is tables.columns with the action mask or hash"},
	{"column.truncate.", true, "it is tables.columns with the action truncate"},
	{"column.propagate.", true, "schemas have no types of the source"},
	{"datatype.propagate.", true, "schemas have no types of the source"},
	{"snapshot.", true, "it is in snapshot"},
	{"max.queue.size.in.bytes", false, "it is memory.queue_bytes"},
	{"max.queue.size", false, "it is memory.queue_bytes"},
	{"event.processing.failure.handling.mode", false,
	 "what is not understood stops the task; tables.exclude leaves a table out"},
	{"event.deserialization.failure.handling.mode", false,
	 "what is not understood stops the task; tables.exclude leaves a table out"},
	{"inconsistent.schema.handling.mode", false,
	 "what is not understood stops the task; tables.exclude leaves a table out"},
	{"converters", false, "there are no converters of one's own"},
	{"schema.history.", true, "definitions are kept beside the position"},
	{"gtid.source.", true, "every transaction of the source is read"},
};

const char *task_peer_option(const char *name)
{
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		const char *known = elsewhere[i].name;
		if (elsewhere[i].prefix ? strncmp(name, known, strlen(known)) == 0
					: strcmp(name, known) == 0)
			return elsewhere[i].ours;
	}
	return NULL;
}

int task_skipped_operations(const char *text, unsigned *ret)
{
	static const char letters[] = "cudt"; /* in the order of the bits */
	unsigned skipped = 0;
	if (strcmp(text, "none") == 0) {
		*ret = 0;
		return 0;
	}
	for (const char *p = text;; p++) {
		p += strspn(p, " ");
		const char *letter = *p ? strchr(letters, *p) : NULL;
		if (!letter)
			return -EINVAL;
		skipped |= 1u << (letter - letters);
		p++;
		p += strspn(p, " ");
		if (!*p)
			break;
		if (*p != ',')
			return -EINVAL;
	}
	*ret = skipped;
	return 0;
}
