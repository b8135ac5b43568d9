/* secret.c - see secret.h. Any thread; nothing is kept between calls. */
#include "common/contract/secret.h"

#include "common/contract/errors.h"
#include "common/os/file.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char file_scheme[] = "file:";
static const char env_scheme[] = "env:";
static const char env_prefix[] = "MR_SECRET_";
static const char credential_scheme[] = "credential:";

static const char *behind(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static void free_wiped(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

int secret_set(struct secret *s, const char *given)
{
	char *copy = strdup(given);
	if (!copy)
		return -ENOMEM;
	secret_clear(s);
	s->given = copy;
	return 0;
}

void secret_clear(struct secret *s)
{
	free_wiped(s->given);
	if (s->text)
		explicit_bzero(s->text, s->len);
	free(s->text);
	free(s->path);
	*s = (struct secret){0};
}

bool secret_is_reference(const char *given)
{
	return behind(given, file_scheme) || behind(given, env_scheme) ||
	       behind(given, credential_scheme);
}

bool secret_is_sealed(const char *given)
{
	return behind(given, SECRET_SEALED_PREFIX);
}

const char *secret_shown(const struct secret *s)
{
	if (!s->given || !s->given[0])
		return "";
	return secret_is_reference(s->given) ? s->given : "***";
}

/* A name without a way out of its folder. */
static bool name_is_safe(const char *name)
{
	if (!name[0] || name[0] == '.')
		return false;
	for (const char *p = name; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		      (*p >= '0' && *p <= '9') || strchr("_.-@", *p)))
			return false;
	return true;
}

/* Takes `text` (from malloc) on success. */
static int keep(struct secret *s, char *text, size_t len, char *path, struct err *err)
{
	if (memchr(text, 0, len)) {
		file_free_wiped(text, len);
		free(path);
		return err_set(err, -EINVAL, ERR_SECRET_MISSING,
			       "the secret %s has a zero byte in it", secret_shown(s));
	}
	if (s->text)
		explicit_bzero(s->text, s->len);
	free(s->text);
	free(s->path);
	s->text = text;
	s->len = len;
	s->path = path;
	return 0;
}

static int from_file(struct secret *s, const char *path, struct err *err)
{
	char *text, *copy = strdup(path);
	size_t len;
	if (!copy)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a secret");
	int rc = file_read(path, SECRET_MAX, ERR_SECRET_MISSING, &text, &len, err);
	if (rc < 0) {
		free(copy);
		return rc;
	}
	if (len > 0 && text[len - 1] == '\n')
		text[--len] = 0;
	if (len > 0 && text[len - 1] == '\r')
		text[--len] = 0;
	return keep(s, text, len, copy, err);
}

static int from_folder(struct secret *s, const char *folder, const char *name, struct err *err)
{
	if (!name_is_safe(name))
		return err_set(err, -EINVAL, ERR_SECRET_MISSING,
			       "%s: the name may have letters, digits, '_', '-', '@' and '.', and "
			       "no folder",
			       s->given);
	char path[4096];
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, ERR_SECRET_MISSING, "%s: the path is too long",
			       s->given);
	return from_file(s, path, err);
}

static int from_environment(struct secret *s, const char *name, struct err *err)
{
	if (!behind(name, env_prefix))
		return err_set(err, -EINVAL, ERR_SECRET_MISSING,
			       "%s: only variables that begin with %s may be read", s->given,
			       env_prefix);
	const char *value = getenv(name);
	if (!value)
		return err_set(err, -ENOENT, ERR_SECRET_MISSING,
			       "%s: the environment variable %s is not set", s->given, name);
	char *copy = strdup(value);
	if (!copy)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a secret");
	return keep(s, copy, strlen(copy), NULL, err);
}

static int from_seal(struct secret *s, const struct secret_use *use,
		     const struct secret_places *places, struct err *err)
{
	if (!places->open || !use)
		return err_set(err, -ENOKEY, ERR_SECRET_SEALED,
			       "'%s' is sealed, and there is no key ring ([secrets] key_ring) to "
			       "open it with",
			       use ? use->field : "the secret");
	char *text;
	size_t len;
	int rc = places->open(places->open_ctx, use, s->given, &text, &len, err);
	return rc < 0 ? rc : keep(s, text, len, NULL, err);
}

static char *reserved; /* set before other threads, then only read */

int secret_reserve(const char *reference)
{
	free(reserved);
	reserved = strdup(reference);
	return reserved ? 0 : -ENOMEM;
}

/* Whether a reference names a secret of the daemons: no task's. */
static bool is_daemons(const char *given)
{
	const char *name = behind(given, file_scheme);
	if (!name)
		name = behind(given, credential_scheme);
	if (name && strncasecmp(name, "zk-", 3) == 0)
		return true;
	name = behind(given, env_scheme);
	if (name && strncasecmp(name, "MR_SECRET_ZK", 12) == 0)
		return true;
	return reserved && strcmp(given, reserved) == 0;
}

int secret_resolve(struct secret *s, const struct secret_use *use,
		   const struct secret_places *places, struct err *err)
{
	if (!s->given || !s->given[0])
		return 0;
	if (secret_is_sealed(s->given))
		return from_seal(s, use, places, err);
	const char *name;
	if (use && secret_is_reference(s->given) && is_daemons(s->given))
		return err_set(err, -EPERM, ERR_SECRET_MISSING,
			       "%s is a secret of the daemons, which no task may use", s->given);
	if ((name = behind(s->given, file_scheme))) {
		if (!places->secrets_dir || !places->secrets_dir[0])
			return err_set(err, -EINVAL, ERR_SECRET_MISSING,
				       "%s: no folder for secrets is configured "
				       "([secrets] secrets_dir)",
				       s->given);
		return from_folder(s, places->secrets_dir, name, err);
	}
	if ((name = behind(s->given, env_scheme)))
		return from_environment(s, name, err);
	if ((name = behind(s->given, credential_scheme))) {
		const char *folder = getenv("CREDENTIALS_DIRECTORY");
		if (!folder || !folder[0])
			return err_set(err, -ENOENT, ERR_SECRET_MISSING,
				       "%s: CREDENTIALS_DIRECTORY is not set: the service has no "
				       "credentials (LoadCredential= of its unit)",
				       s->given);
		return from_folder(s, folder, name, err);
	}
	if (places->paths && s->given[0] == '/')
		return from_file(s, s->given, err);
	char *copy = strdup(s->given);
	if (!copy)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a secret");
	return keep(s, copy, strlen(copy), NULL, err);
}

static void json_free_wiped(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

static void guard_json(void)
{
	json_set_alloc_funcs(malloc, json_free_wiped);
}

void secret_guard_json(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, guard_json);
}
