/*
 * task_body.c - the body of a POST or PUT as a task document.
 *
 * A PUT may leave out what it does not change of a few things: name, uid and group, and
 * the secrets, which nobody can read back. A secret that is left out or "***" is taken
 * from the stored document in its sealed form, unless it would be sent to somebody else
 * then: host, user, brokers or TLS have changed. The seal itself is bound to host and
 * user; TLS is compared here. Certificates (ca, cert) are no secrets: those that are left
 * out are sealed anew.
 */
#include "server/api/api_priv.h"

#include "common/contract/errors.h"
#include "common/os/file.h"
#include "common/os/random.h"

#include <errno.h>
#include <stdlib.h>

enum { SECRETS_MAX = 16 };

static const char shown[] = "***";

/* A secret of a document, with copies of what it is for. */
struct place {
	struct secret *secret;
	char *field, *host, *user, *uid;
	bool pem;
	bool kept; /* the body has none of its own */
};

struct places {
	struct place v[SECRETS_MAX];
	size_t n;
};

static int collect(void *ctx, struct secret *s, const struct secret_use *use)
{
	struct places *p = ctx;
	if (p->n == SECRETS_MAX)
		return -ENOSPC;
	struct place *v = &p->v[p->n++];
	*v = (struct place){.secret = s,
			    .field = strdup(use->field),
			    .host = strdup(use->host),
			    .user = strdup(use->user),
			    .uid = strdup(use->uid),
			    .pem = use->pem};
	return v->field && v->host && v->user && v->uid ? 0 : -ENOMEM;
}

static void places_free(struct places *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].field);
		free(p->v[i].host);
		free(p->v[i].user);
		free(p->v[i].uid);
	}
	p->n = 0;
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a task document");
}

static const char *given(const struct secret *s)
{
	return s->given ? s->given : "";
}

/* The object that holds the last part of a field, made on the way if asked for. */
static json_t *holder(json_t *body, const char *field, bool make, const char **ret_last)
{
	char part[64];
	json_t *at = body;
	for (;;) {
		size_t len = strcspn(field, ".");
		if (!field[len]) {
			*ret_last = field;
			return at;
		}
		if (len >= sizeof(part))
			return NULL;
		memcpy(part, field, len);
		part[len] = 0;
		json_t *next = json_object_get(at, part);
		if ((!next || json_is_null(next)) && make) {
			next = json_object();
			json_object_set_new(at, part, next);
		}
		if (!json_is_object(next))
			return NULL; /* the parser says what is wrong with it */
		at = next;
		field += len + 1;
	}
}

static bool left_out(const json_t *value)
{
	return !value || json_is_null(value) ||
	       (json_is_string(value) && strcmp(json_string_value(value), shown) == 0);
}

/* Puts stored secrets where the body has none, and marks them. */
static int fill_secrets(json_t *body, struct places *stored, struct err *err)
{
	for (size_t i = 0; i < stored->n; i++) {
		struct place *p = &stored->v[i];
		const char *last, *text = given(p->secret);
		json_t *object = holder(body, p->field, text[0] != 0, &last);
		const json_t *value = object ? json_object_get(object, last) : NULL;
		if (!object || !left_out(value))
			continue;
		if (!text[0] && value && json_is_string(value))
			return err_set_at(err, -EINVAL, ERR_SECRET_NEEDED, p->field,
					  "no secret is stored for '%s': give it", p->field);
		if (!text[0])
			continue;
		p->kept = true;
		if (json_object_set_new(object, last, json_string(text)) < 0)
			return no_memory(err);
	}
	return 0;
}

/* Name, uid and group are those of the stored task, or are left out. */
static int fill_fixed(json_t *body, const struct task *was, struct err *err)
{
	const struct {
		const char *name, *value;
	} fixed[] = {{"name", was->name}, {"uid", was->uid}, {"group", was->group}};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		json_t *value = json_object_get(body, fixed[i].name);
		const char *text = json_string_value(value);
		if (!value || json_is_null(value)) {
			if (json_object_set_new(body, fixed[i].name,
						json_string(fixed[i].value)) < 0)
				return no_memory(err);
		} else if (!text || strcmp(text, fixed[i].value) != 0) {
			return err_set_at(err, -EINVAL, ERR_TASK_INVALID, fixed[i].name,
					  "'%s' cannot change: it is '%s'", fixed[i].name,
					  fixed[i].value);
		}
	}
	return 0;
}

static int wiped_text(json_t *body, char **ret, size_t *ret_len, struct err *err)
{
	/* Twice, so that no buffer grows and leaves a copy behind. */
	size_t len = json_dumpb(body, NULL, 0, JSON_COMPACT);
	char *text = len ? malloc(len + 1) : NULL;
	if (!text || json_dumpb(body, text, len, JSON_COMPACT) != len) {
		free(text);
		return no_memory(err);
	}
	text[len] = 0;
	*ret = text;
	*ret_len = len;
	return 0;
}

static int parse(json_t *body, struct task **ret, struct err *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc = wiped_text(body, &text, &len, err);
	if (rc < 0)
		return rc;
	rc = task_parse(text, len, ret, err);
	file_free_wiped(text, len);
	return rc;
}

static bool of_source(const struct place *p)
{
	return strncmp(p->field, "source.", strlen("source.")) == 0;
}

/* Whether a PEM text that the body gives is another than the stored one. */
static bool pem_differs(struct store *s, const struct place *was, const struct secret *now)
{
	const char *a = given(was->secret), *b = given(now);
	if (strcmp(a, b) == 0)
		return false;
	if (!secret_is_sealed(a) || secret_is_reference(b))
		return true;
	const struct secret_use use = {was->uid, was->field, was->host, was->user, was->pem};
	char *text;
	size_t len;
	if (store_open(s, &use, a, &text, &len, NULL) < 0)
		return true;
	bool differs = strcmp(text, b) != 0;
	file_free_wiped(text, len);
	return differs;
}

/* Whether the secrets of the source (or the pipe) would go somewhere else than before. */
static bool moved(struct store *s, const struct task *was, const struct task *now,
		  const struct places *stored, const struct places *fresh, bool source)
{
	if (source ? was->source.tls.mode != now->source.tls.mode
		   : was->pipe.security.tls.mode != now->pipe.security.tls.mode ||
			     was->pipe.security.sasl.mechanism != now->pipe.security.sasl.mechanism)
		return true;
	for (size_t i = 0; i < stored->n && i < fresh->n; i++) {
		const struct place *a = &stored->v[i], *b = &fresh->v[i];
		if (of_source(a) != source)
			continue;
		if (strcmp(a->host, b->host) != 0 || strcmp(a->user, b->user) != 0)
			return true;
		if (a->pem && !a->kept && pem_differs(s, a, b->secret))
			return true;
	}
	return false;
}

static bool is_certificate(const char *field)
{
	const char *last = strrchr(field, '.') + 1;
	return strcmp(last, "ca") == 0 || strcmp(last, "cert") == 0;
}

/* A kept one whose destination moved: a certificate is opened, a secret is asked for. */
static int release(struct store *s, const struct place *was, const struct place *now,
		   struct err *err)
{
	char *text;
	size_t len;
	if (!is_certificate(was->field))
		return err_set_at(err, -EINVAL, ERR_SECRET_NEEDED, was->field,
				  "'%s' must be given again: host, user, brokers or TLS have "
				  "changed",
				  was->field);
	if (!secret_is_sealed(given(was->secret)))
		return 0;
	const struct secret_use use = {was->uid, was->field, was->host, was->user, was->pem};
	int rc = store_open(s, &use, given(was->secret), &text, &len, err);
	if (rc < 0)
		return rc;
	rc = secret_set(now->secret, text) < 0 ? no_memory(err) : 0;
	file_free_wiped(text, len);
	return rc;
}

static int check_moved(struct store *s, const struct task *was, struct task *now,
		       struct places *stored, struct err *err)
{
	struct places fresh = {.n = 0};
	int rc = task_each_secret(now, collect, &fresh, err) < 0 ? no_memory(err) : 0;
	for (int side = 0; rc == 0 && side < 2; side++) {
		if (!moved(s, was, now, stored, &fresh, side == 0))
			continue;
		for (size_t i = 0; rc == 0 && i < stored->n && i < fresh.n; i++)
			if (stored->v[i].kept && of_source(&stored->v[i]) == (side == 0))
				rc = release(s, &stored->v[i], &fresh.v[i], err);
	}
	places_free(&fresh);
	return rc;
}

/*
 * A reference names a file or variable of the daemons' hosts, and nothing binds it to a
 * server: whoever writes one into a document may have that secret sent to an address of
 * his. So only an admin writes a new one, or one whose destination changes.
 */
static int check_references(struct call *call, const struct task *was, struct task *now,
			    struct err *err)
{
	struct places stored = {.n = 0}, fresh = {.n = 0};
	struct task *mine = (struct task *)(uintptr_t)was;
	int rc = 0;
	if (call->role >= ROLE_ADMIN)
		return 0;
	if (task_each_secret(now, collect, &fresh, err) < 0 ||
	    (mine && task_each_secret(mine, collect, &stored, err) < 0))
		rc = no_memory(err);
	for (size_t i = 0; rc == 0 && i < fresh.n; i++) {
		const struct place *p = &fresh.v[i];
		if (!secret_is_reference(given(p->secret)))
			continue;
		bool known = i < stored.n &&
			     strcmp(given(stored.v[i].secret), given(p->secret)) == 0 &&
			     !moved(store_of(call), was, now, &stored, &fresh, of_source(p));
		if (!known)
			rc = err_set_at(err, -EPERM, ERR_API_FORBIDDEN, p->field,
					"'%s' refers to a secret of the daemons' hosts: only an "
					"admin may write such a reference, or move it to another "
					"host, user or broker",
					p->field);
	}
	places_free(&stored);
	places_free(&fresh);
	return rc;
}

static int replaced(struct call *call, const struct task *was, json_t *body, struct task **ret,
		    struct err *err)
{
	struct places stored = {.n = 0};
	/* Only read: the walk hands out what others change. */
	struct task *mine = (struct task *)(uintptr_t)was;
	struct task *now = NULL;
	int rc = task_each_secret(mine, collect, &stored, err) < 0 ? no_memory(err) : 0;
	if (rc == 0)
		rc = fill_fixed(body, was, err);
	if (rc == 0)
		rc = fill_secrets(body, &stored, err);
	if (rc == 0)
		rc = parse(body, &now, err);
	if (rc == 0)
		rc = check_moved(store_of(call), was, now, &stored, err);
	places_free(&stored);
	if (rc < 0)
		task_free(now);
	else
		*ret = now;
	return rc;
}

static int refuse_shown(void *ctx, struct secret *s, const struct secret_use *use)
{
	if (strcmp(given(s), shown) != 0)
		return 0;
	return err_set_at(ctx, -EINVAL, ERR_SECRET_NEEDED, use->field,
			  "no secret is stored for '%s': give it", use->field);
}

/* A "***" for a PEM is told as what it is, before the parser says that it is no PEM. */
static int refuse_shown_pem(const json_t *tree, char *path, size_t size, struct err *err)
{
	size_t len = strlen(path);
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)tree, name, value)
	{
		snprintf(path + len, size - len, "%s%s", len ? "." : "", name);
		if (json_is_string(value) && strcmp(json_string_value(value), shown) == 0)
			return err_set_at(err, -EINVAL, ERR_SECRET_NEEDED, path,
					  "no secret is stored for '%s': give it", path);
		int rc = json_is_object(value) && strlen(path) < size / 2
				 ? refuse_shown_pem(value, path, size, err)
				 : 0;
		if (rc < 0)
			return rc;
	}
	path[len] = 0;
	return 0;
}

static int created(json_t *body, struct task **ret, struct err *err)
{
	char path[256] = "";
	struct task *t;
	/* A copy of a task that there is: its uid is not the new one's. */
	json_object_del(body, "uid");
	int rc = refuse_shown_pem(body, path, sizeof(path), err);
	if (rc == 0)
		rc = parse(body, &t, err);
	if (rc < 0)
		return rc;
	rc = task_each_secret(t, refuse_shown, err, err);
	if (rc == 0)
		rc = api_task_new_uid(t, err);
	if (rc < 0)
		task_free(t);
	else
		*ret = t;
	return rc;
}

int api_task_from_body(struct call *call, const struct task *was, json_t *body,
		       struct task **ret, struct err *err)
{
	struct task *t = NULL;
	int rc = was ? replaced(call, was, body, &t, err) : created(body, &t, err);
	if (rc == 0)
		rc = check_references(call, was, t, err);
	if (rc < 0)
		task_free(t);
	else
		*ret = t;
	return rc;
}

int api_task_new_uid(struct task *t, struct err *err)
{
	char uid[RANDOM_UUID_SIZE];
	random_uuid(uid);
	char *copy = arena_strndup(&t->arena, uid, strlen(uid));
	if (!copy)
		return no_memory(err);
	t->uid = copy;
	return 0;
}

int api_task_text(struct store *s, struct task *t, struct buf *out, struct err *err)
{
	int rc = store_seal(s, t, err);
	if (rc == 0)
		rc = task_to_stored_json(t, out, err);
	if (rc == 0 && out->failed)
		return no_memory(err);
	if (rc == 0 && out->len > PREFLIGHT_TASK_MAX)
		return err_set(err, -EFBIG, ERR_ZK_OVERSIZE,
			       "the document with its defaults is %zu bytes, and may be %d", out->len,
			       PREFLIGHT_TASK_MAX);
	return rc;
}
