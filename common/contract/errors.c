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
