/* nearest.c - see nearest.h. Pure. */
#include "common/base/nearest.h"

#include <string.h>

enum { LENGTH_MAX = 64 };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

size_t nearest_distance(const char *a, const char *b, size_t limit)
{
	size_t na = strlen(a), nb = strlen(b);
	if (na > LENGTH_MAX || nb > LENGTH_MAX)
		return strcmp(a, b) == 0 ? 0 : limit + 1;
	/* Rows of the table of distances between a's and b's beginnings: the last three. */
	size_t rows[3][LENGTH_MAX + 1];
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		const size_t *above2 = rows[(i + 1) % 3], *above = rows[(i + 2) % 3];
		size_t *row = rows[i % 3];
		size_t least = row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t replace = above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
			row[j] = min3(above[j] + 1, row[j - 1] + 1, replace);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) && above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
			if (row[j] < least)
				least = row[j];
		}
		/* A swap reaches back two rows, one edit below this one's least at best. */
		if (least > limit + 1)
			return limit + 1;
	}
	size_t d = rows[na % 3][nb];
	return d > limit ? limit + 1 : d;
}

struct nearest nearest_of(const char *given)
{
	/* One slip in a short name, up to three in a long one. */
	size_t allowed = strlen(given) / 3;
	if (allowed < 1)
		allowed = 1;
	if (allowed > 3)
		allowed = 3;
	return (struct nearest){.given = given, .distance = allowed};
}

void nearest_try(struct nearest *n, const char *candidate)
{
	size_t d = nearest_distance(n->given, candidate, n->distance);
	if (d < n->distance || (d == n->distance && !n->best)) {
		n->best = candidate;
		n->distance = d;
	}
}

const char *nearest_best(const struct nearest *n)
{
	return n->best;
}
