/* members_list.c - lists of objects in a document; see members.h. Pure. */
#include "common/contract/members.h"

#include <stdio.h>
#include <stdlib.h>

int members_version(const struct members *table, const json_t *object, json_int_t version,
		    struct err *err)
{
	const json_t *value = json_object_get(object, "version");
	if (!json_is_integer(value) || json_integer_value(value) != version)
		return members_fault(table, "version", err, "must be %lld", (long long)version);
	return 0;
}

static void *entry(const struct members_list *l, void *list, size_t i)
{
	return (char *)list + i * l->size;
}

void *members_list_add(const struct members_list *l, void **list, size_t *n)
{
	/* Room in powers of two: tables come by the ten thousand. */
	if ((*n & (*n - 1)) == 0) {
		void *more = realloc(*list, (*n ? *n * 2 : 1) * l->size);
		if (!more)
			return NULL;
		*list = more;
	}
	void *e = entry(l, *list, *n);
	memset(e, 0, l->size);
	if (members_init(e, l->entry) < 0)
		return NULL;
	(*n)++;
	return e;
}

void members_list_clear(const struct members_list *l, void **list, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		members_clear(entry(l, *list, i), l->entry);
	free(*list);
	*list = NULL;
	*n = 0;
}

int members_list_read(const struct members_list *l, void **list, size_t *n, json_t *object,
		      struct err *err)
{
	char path[64];
	json_t *value = json_object_get(object, l->name);
	if (!value)
		return members_fault(l->entry, l->name, err, "is missing");
	if (!json_is_array(value))
		return members_fault(l->entry, l->name, err, "must be a list");
	if (json_array_size(value) > l->many)
		return members_fault(l->entry, l->name, err, "has more than %zu entries", l->many);
	for (size_t i = 0; i < json_array_size(value); i++) {
		json_t *item = json_array_get(value, i);
		snprintf(path, sizeof(path), "%s[%zu]", l->name, i);
		if (!json_is_object(item))
			return members_fault(l->entry, path, err, "must be an object");
		void *e = members_list_add(l, list, n);
		if (!e)
			return members_no_memory(l->entry, err);
		snprintf(path, sizeof(path), "%s[%zu].", l->name, i);
		int rc = members_read(e, l->entry, NULL, path, item, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void members_list_print(const struct members_list *l, const void *list, size_t n, struct buf *out)
{
	buf_printf(out, "\"%s\":[", l->name);
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i ? ",{" : "{");
		members_print((const char *)list + i * l->size, l->entry, out);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}
