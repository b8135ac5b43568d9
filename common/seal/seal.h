/*
 * seal.h - secrets sealed for one purpose (design.md, section 3): the key ring, seal, open.
 *
 * AES-256-GCM with a random nonce. The additional data is what the secret is for (cluster,
 * task uid, field, host and user), so that a sealed text that is moved to another field,
 * task, cluster or destination does not open. The length of the secret can be told from
 * the sealed text.
 *
 * Whoever may read the ring may open everything: it is a file of mode 0400 or 0600, owned
 * by the process's user or root. A line a key, `ID HEX64`, '#' begins a comment; the last
 * key seals, all of them open. In memory it is locked where the system lets us, left out
 * of core dumps, and overwritten when it is freed.
 *
 * Threads: a ring is read-only after it was loaded, and may be shared. No error names a
 * secret or a key; they name the field and the key's ID. References (file:NAME and so on)
 * are common/contract/secret.h's.
 */
#ifndef MR_SEAL_SEAL_H
#define MR_SEAL_SEAL_H

#include "common/contract/secret.h"
#include "common/contract/task.h"

enum {
	SEAL_KEY_SIZE = 32,
	SEAL_ID_MAX = 32, /* characters of a key's ID: letters, digits, '_', '-', '.' */
	SEAL_KEYS_MAX = 128,
	SEAL_RING_FILE_MAX = 64 * 1024,
	SEAL_LINE_SIZE = SEAL_ID_MAX + 1 + 2 * SEAL_KEY_SIZE + 1,
};

struct seal_ring;

/* ERR_KEY_RING, with file and line. A file that others may read is refused. */
int seal_ring_load(const char *path, struct seal_ring **ret, struct err *err) MR_MUST_CHECK;
/* The file's text; `name` stands for the file in messages. The text is the caller's to wipe. */
int seal_ring_parse(const char *name, const char *text, size_t len, struct seal_ring **ret,
		    struct err *err) MR_MUST_CHECK;
void seal_ring_free(struct seal_ring *ring);
size_t seal_ring_count(const struct seal_ring *ring);
/* The ID of key i, in the file's order; the ring's. */
const char *seal_ring_id(const struct seal_ring *ring, size_t i);
/* Of the key that seals. */
const char *seal_ring_newest(const struct seal_ring *ring);

/*
 * A line of a ring, without its end: a new key under `id`, or under an ID made here when
 * id is NULL. The caller wipes it. -EINVAL: not an ID.
 */
int seal_key_generate(const char *id, char ret_line[SEAL_LINE_SIZE], struct err *err) MR_MUST_CHECK;

/*
 * Seals under the newest key. *ret_sealed is from malloc: "sealed:v1:ID:BASE64". The
 * cluster and use->uid and use->field must be there: a secret that is bound to nothing is
 * refused with -EINVAL.
 */
int seal_secret(const struct seal_ring *ring, const char *cluster, const struct secret_use *use,
		const char *text, size_t len, char **ret_sealed, struct err *err) MR_MUST_CHECK;
/*
 * Opens under whichever key sealed it. *ret_text is from malloc with a zero byte behind
 * it; file_free_wiped() it. ERR_SECRET_SEALED, err.where the field: -EINVAL when it is not
 * a sealed text, -ENOKEY when the ring lacks its key, -EBADMSG when it was changed or
 * sealed for something else, which cannot be told apart.
 */
int seal_open(const struct seal_ring *ring, const char *cluster, const struct secret_use *use,
	      const char *sealed, char **ret_text, size_t *ret_len, struct err *err) MR_MUST_CHECK;
/* Whether it is well formed and sealed by another key than the newest. */
bool seal_is_old(const struct seal_ring *ring, const char *sealed);

/* For struct secret_places: opens what task_resolve_secrets() meets. Borrows both. */
struct seal_opener {
	const struct seal_ring *ring;
	const char *cluster;
};

/* A secret_open_fn; ctx is a struct seal_opener. */
int seal_open_for(void *ctx, const struct secret_use *use, const char *sealed, char **ret_text,
		  size_t *ret_len, struct err *err) MR_MUST_CHECK;

/*
 * Makes a document fit for ZooKeeper: plain secrets are sealed, what an older key sealed
 * is sealed by the newest; what is sealed already must open, so a document whose
 * host, user or brokers changed needs its secrets again. References stay. The task must
 * have a uid and must not be resolved yet. *ret_changed counts. After a failure some may
 * be sealed already.
 */
int seal_task(const struct seal_ring *ring, const char *cluster, struct task *t,
	      size_t *ret_changed, struct err *err) MR_MUST_CHECK;

#endif
