/*
 * auth.c - see auth.h. Runs inside mysql_real_connect(), in the thread that connects.
 *
 * Packets, by the client/server protocol (payloads, without the 4-byte header):
 *
 *   request to switch    1  0xfe
 *                        n  method, zero-terminated
 *                       20  nonce
 *                        1  zero
 *   caching_sha2 more    1  0x01
 *                        1  0x03 the proof sufficed, OK follows; 0x04 send the password
 *   request for the key  1  0x02, answered by 0x01 and the key as PEM text
 *   password over TLS    n  password, zero-terminated
 *   password by RSA      256 or so: OAEP of (password with its zero) xor the nonce repeated
 */
#include "core/mysql/auth.h"

#include <mysql/plugin_auth.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

/*
 * The library's interface for plugins, as mysql/client_plugin.h declares it. That header
 * includes ma_compress.h, which Debian's libmariadb-dev does not have.
 */
struct client_plugin {
	int type;
	unsigned interface_version;
	const char *name;
	const char *author;
	const char *desc;
	unsigned version[3];
	const char *license;
	void *mysql_api;
	int (*init)(char *, size_t, int, va_list);
	int (*deinit)(void);
	int (*options)(const char *option, const void *);
	int (*authenticate_user)(MYSQL_PLUGIN_VIO *vio, MYSQL *mysql);
};

enum { AUTHENTICATION_PLUGIN = 2, AUTHENTICATION_PLUGIN_INTERFACE = 0x0100 };

#define GATE_NAME "mr_gate"
#define GATE_DATA "mr_auth"

enum { SHA2_ASK_KEY = 2, SHA2_FAST_OK = 3, SHA2_FULL = 4 };

static int digest(const EVP_MD *md, const void *a, size_t na, const void *b, size_t nb,
		  unsigned char *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, md, NULL) && EVP_DigestUpdate(ctx, a, na) &&
		  (!nb || EVP_DigestUpdate(ctx, b, nb)) && EVP_DigestFinal_ex(ctx, out, NULL);
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

int auth_native_proof(const char *password, const unsigned char nonce[AUTH_NONCE],
		      unsigned char out[AUTH_NATIVE_PROOF])
{
	unsigned char once[20], twice[20], mask[20];
	int rc = digest(EVP_sha1(), password, strlen(password), NULL, 0, once);
	if (!rc)
		rc = digest(EVP_sha1(), once, sizeof(once), NULL, 0, twice);
	if (!rc)
		rc = digest(EVP_sha1(), nonce, AUTH_NONCE, twice, sizeof(twice), mask);
	for (size_t i = 0; !rc && i < sizeof(once); i++)
		out[i] = once[i] ^ mask[i];
	explicit_bzero(once, sizeof(once));
	explicit_bzero(twice, sizeof(twice));
	return rc;
}

int auth_sha2_proof(const char *password, const unsigned char nonce[AUTH_NONCE],
		    unsigned char out[AUTH_SHA2_PROOF])
{
	unsigned char once[32], twice[32], mask[32];
	int rc = digest(EVP_sha256(), password, strlen(password), NULL, 0, once);
	if (!rc)
		rc = digest(EVP_sha256(), once, sizeof(once), NULL, 0, twice);
	if (!rc)
		rc = digest(EVP_sha256(), twice, sizeof(twice), nonce, AUTH_NONCE, mask);
	for (size_t i = 0; !rc && i < sizeof(once); i++)
		out[i] = once[i] ^ mask[i];
	explicit_bzero(once, sizeof(once));
	explicit_bzero(twice, sizeof(twice));
	return rc;
}

/* Ends the attempt with a reason of ours; others are the library's error. */
static int refuse(struct auth *a, enum auth_verdict verdict)
{
	a->verdict = verdict;
	return CR_ERROR;
}

static int send_rsa(MYSQL_PLUGIN_VIO *vio, struct auth *a, const unsigned char *pem, size_t npem,
		    const unsigned char *nonce)
{
	size_t n = strlen(a->password) + 1;
	unsigned char plain[512], cipher[1024];
	size_t ncipher = sizeof(cipher);
	int rc = -EIO;
	BIO *bio = BIO_new_mem_buf(pem, (int)npem);
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	if (!ctx || n > sizeof(plain) || EVP_PKEY_encrypt_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) <= 0)
		goto out;
	for (size_t i = 0; i < n; i++)
		plain[i] = (unsigned char)a->password[i] ^ nonce[i % AUTH_NONCE];
	if (EVP_PKEY_encrypt(ctx, cipher, &ncipher, plain, n) <= 0)
		goto out;
	rc = vio->write_packet(vio, cipher, (int)ncipher) ? -EPIPE : 0;
out:
	explicit_bzero(plain, sizeof(plain));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return rc;
}

/* The next packet of the method's data, without its first byte 0x01; NULL if another. */
static const unsigned char *more_data(MYSQL *mysql, struct auth *a, size_t *ret_n)
{
	unsigned long n = mysql_net_read_packet(mysql);
	if (n == packet_error) /* the server's refusal, or a broken connection */
		return NULL;
	const unsigned char *p = mysql->net.read_pos;
	if (n < 2 || p[0] != 1) {
		a->verdict = AUTH_PROTOCOL;
		return NULL;
	}
	*ret_n = n - 1;
	return p + 1;
}

/* caching_sha2_password, its proof sent: what else the server wants. 0 or -errno. */
static int sha2_more(MYSQL_PLUGIN_VIO *vio, MYSQL *mysql, struct auth *a,
		     const unsigned char *nonce)
{
	size_t n;
	const unsigned char *p = more_data(mysql, a, &n);
	if (!p)
		return -EPIPE;
	if (p[0] == SHA2_FAST_OK)
		return 0;
	if (p[0] != SHA2_FULL) {
		a->verdict = AUTH_PROTOCOL;
		return -EPROTO;
	}
	if (mysql_get_ssl_cipher(mysql)) {
		const unsigned char *pw = (const unsigned char *)a->password;
		return vio->write_packet(vio, pw, (int)strlen(a->password) + 1) ? -EPIPE : 0;
	}
	if (a->mode != SOURCE_TLS_DISABLED) {
		a->verdict = AUTH_NEEDS_TLS;
		return -EPERM;
	}
	unsigned char ask = SHA2_ASK_KEY;
	if (vio->write_packet(vio, &ask, 1))
		return -EPIPE;
	p = more_data(mysql, a, &n);
	if (!p)
		return -EPIPE;
	int rc = send_rsa(vio, a, p, n, nonce);
	if (rc && rc != -EPIPE)
		a->verdict = AUTH_BAD_KEY;
	return rc;
}

/* [C]: answers the request to switch that lies in the library's buffer. 0 or -errno. */
static int answer_switch(MYSQL_PLUGIN_VIO *vio, MYSQL *mysql, struct auth *a)
{
	unsigned char nonce[AUTH_NONCE];
	/* The packet's length is not ours to see; its buffer's end bounds the reading. */
	const unsigned char *p = mysql->net.read_pos + 1;
	const unsigned char *end = mysql->net.buff_end;
	size_t room = end > p ? (size_t)(end - p) : 0;
	size_t n = strnlen((const char *)p, room < sizeof(a->plugin) ? room : sizeof(a->plugin));
	a->verdict = AUTH_PROTOCOL;
	if (n >= sizeof(a->plugin) || room < n + 1 + AUTH_NONCE)
		return -EPROTO;
	if (n)
		memcpy(a->plugin, p, n + 1);
	else
		strcpy(a->plugin, "mysql_old_password");
	memcpy(nonce, p + n + 1, AUTH_NONCE);

	bool sha2 = !strcmp(a->plugin, "caching_sha2_password");
	if (!sha2 && strcmp(a->plugin, "mysql_native_password") != 0) {
		a->verdict = AUTH_PLUGIN;
		return -EPERM;
	}
	a->verdict = AUTH_NONE;
	if (!a->password[0]) { /* caching_sha2_password: one zero byte */
		unsigned char zero = 0;
		return vio->write_packet(vio, &zero, sha2) ? -EPIPE : 0;
	}
	unsigned char proof[AUTH_SHA2_PROOF];
	int rc = sha2 ? auth_sha2_proof(a->password, nonce, proof)
		      : auth_native_proof(a->password, nonce, proof);
	if (rc)
		return rc;
	if (vio->write_packet(vio, proof, sha2 ? AUTH_SHA2_PROOF : AUTH_NATIVE_PROOF))
		return -EPIPE;
	return sha2 ? sha2_more(vio, mysql, a, nonce) : 0;
}

/*
 * CR_OK: the library reads the server's last word. It must not be asked for a second
 * packet here: until one arrived that is no request to switch, each of its reads first
 * sends an empty packet.
 */
static int gate_attempt(MYSQL_PLUGIN_VIO *vio, MYSQL *mysql, struct auth *a)
{
	bool required = a->mode == SOURCE_TLS_REQUIRED || a->mode == SOURCE_TLS_VERIFY_IDENTITY;
	if (required && !(mysql->server_capabilities & CLIENT_SSL))
		return refuse(a, AUTH_NO_TLS); /* [A] */
	/* So that TLS too waits in our wait function, where it can be interrupted. */
	int fd = (int)mysql_get_socket(mysql);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);

	unsigned char *p;
	int n = vio->read_packet(vio, &p);
	if (mysql_errno(mysql) || !mysql->net.buff)
		return CR_ERROR;
	if (required && !mysql_get_ssl_cipher(mysql))
		return refuse(a, AUTH_NO_TLS); /* [B] */
	const unsigned char *at = mysql->net.read_pos;
	if (n > 0 && p == at && at[0] == 0) /* no authentication wanted */
		return CR_OK_HANDSHAKE_COMPLETE;
	if (n >= 0 || at[0] != 254) /* also a greeting that names our plugin */
		return refuse(a, AUTH_PROTOCOL);
	return answer_switch(vio, mysql, a) ? CR_ERROR : CR_OK;
}

static int gate_authenticate(MYSQL_PLUGIN_VIO *vio, MYSQL *mysql)
{
	struct auth *a = NULL;
	mysql_get_optionv(mysql, MARIADB_OPT_USERDATA, GATE_DATA, &a);
	int rc = a ? gate_attempt(vio, mysql, a) : CR_ERROR;
	/*
	 * On a failure the library would follow a request to switch that still lies in its
	 * buffer and load whatever plugin the server names there: make it an error.
	 */
	if (rc == CR_ERROR && mysql->net.buff && mysql->net.read_pos[0] == 254)
		mysql->net.read_pos[0] = 255;
	return rc;
}

static struct client_plugin gate = {
	.type = AUTHENTICATION_PLUGIN,
	.interface_version = AUTHENTICATION_PLUGIN_INTERFACE,
	.name = GATE_NAME,
	.author = "mysql-replicator",
	.desc = "authentication that does not trust the server",
	.version = {1, 0, 0},
	.license = "Apache-2.0",
	.authenticate_user = gate_authenticate,
};

static int register_rc;

static void register_gate(void)
{
	MYSQL *mysql = NULL;
	if (mysql_library_init(0, NULL, NULL) || !(mysql = mysql_init(NULL)) ||
	    !mysql_client_register_plugin(mysql, (struct st_mysql_client_plugin *)&gate))
		register_rc = -ENOSYS;
	if (mysql)
		mysql_close(mysql);
}

int auth_register(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, register_gate);
	return register_rc;
}

void auth_attach(MYSQL *mysql, struct auth *a)
{
	mysql_optionsv(mysql, MYSQL_DEFAULT_AUTH, GATE_NAME);
	mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH, GATE_NAME);
	mysql_optionsv(mysql, MARIADB_OPT_USERDATA, GATE_DATA, a);
}
