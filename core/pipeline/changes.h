/*
 * changes.h - the schema-changes topic: one message for each DDL statement about tables
 * that are copied, in order with their rows.
 *
 * Job: choose which statements are told, and the definitions that go with them. The form is
 * envelope/schema_change.h's. A statement that may hold a password is not told, nor one of
 * which it is not known what it is about (CREATE USER and the like are about no table).
 * Source thread only. Owns nothing.
 */
#ifndef MR_PIPELINE_CHANGES_H
#define MR_PIPELINE_CHANGES_H

#include "core/pipeline/source.h"

/* Asks the pipe for the topic's number, if there is to be one. */
int changes_open(struct source_thread *t, struct err *err) MR_MUST_CHECK;
/*
 * The statement at hand, whose group is open; `changes` are what it does. Inside a group that
 * is not decided yet, the message is kept.
 */
int changes_publish(struct source_thread *t, const struct step *step,
		    const struct ddl_changes *changes, struct err *err) MR_MUST_CHECK;
/* The group happened: what was kept goes in front of its rows. */
int changes_release(struct source_thread *t, struct err *err) MR_MUST_CHECK;
/* It did not, or is read again. */
void changes_drop(struct source_thread *t);

#endif
