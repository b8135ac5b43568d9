/*
 * json_patch.h - MySQL's JSON diffs (binlog_row_value_options=PARTIAL_JSON): what an UPDATE
 * changed inside a document, applied to the document's text, or as a text of its own.
 *
 * Pure. The text of a document is json.h's: compact, members in the server's order, which is
 * kept. Results lie in the arena.
 */
#ifndef MR_BINLOG_JSON_PATCH_H
#define MR_BINLOG_JSON_PATCH_H

#include "common/base/arena.h"
#include "common/base/bytes.h"

/*
 * The document after the diffs. 0, -EBADMSG (damaged diffs), -ENOENT (they do not fit the
 * document: a path leads nowhere), -ENOMEM.
 */
int json_patch(struct span document, struct span diffs, struct arena *arena,
	       struct span *ret) __attribute__((warn_unused_result));

/*
 * [{"op":"replace"|"insert"|"remove","path":"$.a[0]","value":…},…]; remove has no value. 0,
 * -EBADMSG or -ENOMEM.
 */
int json_diff_text(struct span diffs, struct arena *arena,
		   struct span *ret) __attribute__((warn_unused_result));

#endif
