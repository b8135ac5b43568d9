/* errors.c - see errors.h. */
#include "common/contract/errors.h"

#define ERR(name, code_, class_, meaning_, remedy_)                                                \
	const struct err_kind ERR_##name##_KIND = {code_, ERR_CLASS_##class_, meaning_, remedy_};
#include "common/contract/errors.def"
#undef ERR

#define ERR(name, code, class, meaning, remedy) &ERR_##name##_KIND,
static const struct err_kind *const kinds[] = {
#include "common/contract/errors.def"
};
#undef ERR

const struct err_kind *errors_kind(size_t i)
{
	return i < sizeof(kinds) / sizeof(kinds[0]) ? kinds[i] : NULL;
}

void errors_print_reference(struct buf *out)
{
	buf_puts(out, "# Errors\n\n"
		      "Printed by `mr-core --print reference-errors` from the table in the code.\n\n"
		      "What follows depends on the class. `retry`: the task waits and goes on by "
		      "itself. `operator`: it fails until a person has changed something. `data`: "
		      "it stops at the position named, and nothing behind it is lost. `internal`: "
		      "a bug, or a machine without memory.\n\n"
		      "| code | class | what happened | the way out |\n|---|---|---|---|\n");
	for (size_t i = 0; errors_kind(i); i++) {
		const struct err_kind *k = errors_kind(i);
		buf_printf(out, "| `%s` | %s | %s | %s |\n", k->code, err_class_name(k->class),
			   k->meaning, k->remedy);
	}
}
