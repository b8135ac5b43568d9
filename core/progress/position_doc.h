/*
 * position_doc.h - struct position to and from the position document.
 *
 * The document (common/contract/position.h) carries text and more than the source's
 * stream knows: uid, epoch, pipe. Those members are left alone here. Pure.
 */
#ifndef MR_PROGRESS_POSITION_DOC_H
#define MR_PROGRESS_POSITION_DOC_H

#include "common/contract/position.h"
#include "core/model/position.h"

/*
 * Sets flavor, file, pos, gtid, prepared and partial of d; partial.revision becomes `revision`.
 * 0 or -ENOMEM (err is filled; d is then to be thrown away).
 */
int position_to_doc(const struct position *p, uint64_t revision, struct position_doc *d,
		    struct err *err) MR_MUST_CHECK;
/*
 * The stream's part of d, into an initialised position. -EINVAL and ERR_STATE_INVALID
 * when it contradicts itself, or asks for what this version does not do
 * (a snapshot under way).
 */
int position_from_doc(const struct position_doc *d, struct position *ret,
		      struct err *err) MR_MUST_CHECK;

#endif
