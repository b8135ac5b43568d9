/*
 * document.h - JSON text to a tree, strictly; for this folder's parsers and for files of
 * the state folder.
 */
#ifndef MR_CONTRACT_DOCUMENT_H
#define MR_CONTRACT_DOCUMENT_H

#include "common/base/err.h"

#include <jansson.h>

/*
 * An object, or NULL with err of the given kind: syntax errors with "line L, column C" in
 * err.where, keys given twice, text over max bytes, anything but an object. `what` names
 * the document in messages. No message quotes a value: it may be a secret.
 */
json_t *document_parse(const char *text, size_t len, size_t max, const char *what,
		       const struct err_kind *kind, struct err *err) MR_MUST_CHECK;

/* "a string", "a number", … for messages. */
const char *document_type_name(const json_t *value);

#endif
