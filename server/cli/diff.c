/* diff.c - see diff.h. Pure. */
#include "server/cli/diff.h"

#include <stdio.h>

enum { PATH_SIZE = 1001, DEPTH_MAX = 64 };

struct walk {
	diff_fn *each;
	void *ctx;
	char path[PATH_SIZE];
	int depth;
};

/*
 * Puts ".name" behind the path; returns its length before, to cut back to. A name with a
 * dot in it ("bootstrap.servers") stands as ["…"].
 */
static size_t enter(struct walk *w, const char *name)
{
	size_t len = strlen(w->path);
	if (strchr(name, '.') || !name[0])
		snprintf(w->path + len, PATH_SIZE - len, "[\"%s\"]", name);
	else
		snprintf(w->path + len, PATH_SIZE - len, "%s%s", len ? "." : "", name);
	return len;
}

static int compare(struct walk *w, const json_t *a, const json_t *b)
{
	if (!json_is_object(a) || !json_is_object(b) || w->depth >= DEPTH_MAX)
		return json_equal(a, b) ? 0 : w->each(w->ctx, w->path, a, b);
	const char *name;
	json_t *value;
	int rc = 0;
	w->depth++;
	json_object_foreach ((json_t *)a, name, value) {
		size_t len = enter(w, name);
		const json_t *other = json_object_get(b, name);
		rc = other ? compare(w, value, other) : w->each(w->ctx, w->path, value, NULL);
		w->path[len] = 0;
		if (rc != 0)
			return rc;
	}
	json_object_foreach ((json_t *)b, name, value) {
		if (json_object_get(a, name))
			continue;
		size_t len = enter(w, name);
		rc = w->each(w->ctx, w->path, NULL, value);
		w->path[len] = 0;
		if (rc != 0)
			return rc;
	}
	w->depth--;
	return 0;
}

int diff_json(const json_t *a, const json_t *b, diff_fn *each, void *ctx)
{
	struct walk w = {.each = each, .ctx = ctx};
	return compare(&w, a, b);
}

const json_t *diff_at(const json_t *tree, const char *path)
{
	char name[PATH_SIZE];
	while (tree && *path) {
		size_t len;
		if (path[0] == '[' && path[1] == '"') {
			const char *end = strstr(path, "\"]");
			if (!end || end == path + 1)
				return NULL;
			snprintf(name, sizeof(name), "%.*s", (int)(end - path - 2), path + 2);
			path = end + 2;
		} else {
			len = strcspn(path, ".[");
			snprintf(name, sizeof(name), "%.*s", (int)len, path);
			path += len;
		}
		if (*path == '.')
			path++;
		tree = json_object_get(tree, name);
	}
	return tree;
}
