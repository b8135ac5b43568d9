/*
 * election_rule.h - who is first among the names of a folder. Pure.
 */
#ifndef MR_ZK_ELECTION_RULE_H
#define MR_ZK_ELECTION_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELECTION_DIGITS = 10 };

/*
 * The number of `<name>-<ten digits>`: false for anything else, which takes no part.
 * ret_name_len: of the part in front of the '-'.
 */
bool election_parse(const char *node, uint64_t *ret_number, size_t *ret_name_len);

struct election_result {
	const char *first; /* points into names; NULL: nobody takes part */
	bool mine_is_there;
	bool mine_is_first;
	size_t nodes; /* that take part */
};

/* `mine`: our node's name, or NULL. */
struct election_result election_decide(char *const *names, size_t n, const char *mine);

#endif
