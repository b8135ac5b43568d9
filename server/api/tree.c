/* tree.c - documents of the tree as JSON trees, for answers. Pure. */
#include "server/api/api_priv.h"

json_t *api_tree(const char *text, size_t len)
{
	json_t *tree = len ? json_loadb(text, len, 0, NULL) : NULL;
	if (tree && json_is_object(tree))
		return tree;
	json_decref(tree);
	return json_null();
}

json_t *api_printed(const struct buf *text)
{
	return text->failed ? NULL : api_tree((const char *)text->data, text->len);
}

json_t *api_control_tree(const struct control_doc *d)
{
	struct buf text;
	buf_init(&text);
	control_doc_print(d, &text);
	json_t *tree = api_printed(&text);
	buf_free(&text);
	return tree;
}

void api_put(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, text ? json_string(text) : json_null());
}

void api_put_number(json_t *object, const char *name, uint64_t v)
{
	json_object_set_new(object, name, json_integer((json_int_t)v));
}

void api_put_checks(json_t *object, const struct preflight_doc *d)
{
	struct buf text;
	buf_init(&text);
	buf_putc(&text, '{');
	preflight_doc_print_checks(d, &text);
	buf_putc(&text, '}');
	json_t *tree = api_printed(&text);
	json_object_set(object, "checks", json_object_get(tree, "checks"));
	json_decref(tree);
	buf_free(&text);
}
