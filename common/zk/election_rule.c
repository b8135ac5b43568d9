/* election_rule.c - see election_rule.h. Pure: names in, a decision out. */
#include "common/zk/election_rule.h"

#include <string.h>

bool election_parse(const char *node, uint64_t *ret_number, size_t *ret_name_len)
{
	size_t len = strlen(node);
	/* At least one character, the '-', the digits. */
	if (len < ELECTION_DIGITS + 2 || node[len - ELECTION_DIGITS - 1] != '-')
		return false;
	uint64_t number = 0;
	for (size_t i = len - ELECTION_DIGITS; i < len; i++) {
		if (node[i] < '0' || node[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(node[i] - '0');
	}
	*ret_number = number;
	*ret_name_len = len - ELECTION_DIGITS - 1;
	return true;
}

struct election_result election_decide(char *const *names, size_t n, const char *mine)
{
	struct election_result result = {0};
	uint64_t smallest = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t number;
		size_t name_len;
		if (!election_parse(names[i], &number, &name_len))
			continue;
		result.nodes++;
		/* Numbers of one folder differ; were two alike, the names decide for everyone. */
		if (!result.first || number < smallest ||
		    (number == smallest && strcmp(names[i], result.first) < 0)) {
			result.first = names[i];
			smallest = number;
		}
		if (mine && strcmp(names[i], mine) == 0)
			result.mine_is_there = true;
	}
	result.mine_is_first = result.mine_is_there && strcmp(result.first, mine) == 0;
	return result;
}
