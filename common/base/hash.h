/*
 * hash.h - uthash that survives a lack of memory: it would end the process otherwise, and
 * with it every task.
 *
 * Behind each HASH_ADD… the element is asked for whether it is in: HASH_IS_IN(element, hh).
 * One that is not belongs to its caller, as before.
 */
#ifndef MR_BASE_HASH_H
#define MR_BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define HASH_IS_IN(element, handle) ((element)->handle.tbl != NULL)

#endif
