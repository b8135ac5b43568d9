/*
 * bad_producer.c - preloaded into a core under test: a bug that the fault suite must report.
 *
 *   LD_PRELOAD=…/libmr_bad_producer.so MR_BAD_PRODUCER=empty:500 mr-core …
 *
 * twice:N sends the program's Nth row again behind itself, in the same transaction. empty:N sends
 * it without its value: to a reader its change is lost, while offsets and reports are as ever. A
 * row is a message with an opaque pointer; the position and its like have none. Any thread.
 */
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 12 };

static bool twice;
static unsigned long which; /* 0: none */
static _Atomic unsigned long counted;

__attribute__((constructor)) static void start(void)
{
	const char *what = getenv("MR_BAD_PRODUCER");
	const char *colon = what ? strchr(what, ':') : NULL;
	which = colon ? strtoul(colon + 1, NULL, 10) : 0;
	twice = what && strncmp(what, "twice:", 6) == 0;
}

/* The arguments as the other call of the library takes them: how many. */
static size_t collect(va_list ap, rd_kafka_vu_t *vus)
{
	size_t n = 0;
	rd_kafka_vtype_t type;
	while ((type = va_arg(ap, rd_kafka_vtype_t)) != RD_KAFKA_VTYPE_END) {
		if (n == MOST)
			abort();
		rd_kafka_vu_t *vu = &vus[n++];
		vu->vtype = type;
		switch (type) {
		case RD_KAFKA_VTYPE_RKT:
			vu->u.rkt = va_arg(ap, rd_kafka_topic_t *);
			break;
		case RD_KAFKA_VTYPE_PARTITION:
			vu->u.i32 = va_arg(ap, int32_t);
			break;
		case RD_KAFKA_VTYPE_MSGFLAGS:
			vu->u.i = va_arg(ap, int);
			break;
		case RD_KAFKA_VTYPE_KEY:
		case RD_KAFKA_VTYPE_VALUE:
			vu->u.mem.ptr = va_arg(ap, void *);
			vu->u.mem.size = va_arg(ap, size_t);
			break;
		case RD_KAFKA_VTYPE_TIMESTAMP:
			vu->u.i64 = va_arg(ap, int64_t);
			break;
		case RD_KAFKA_VTYPE_OPAQUE:
			vu->u.ptr = va_arg(ap, void *);
			break;
		case RD_KAFKA_VTYPE_HEADERS:
			vu->u.headers = va_arg(ap, rd_kafka_headers_t *);
			break;
		default:
			abort(); /* the core came to use another: it belongs here too */
		}
	}
	return n;
}

static rd_kafka_vu_t *find(rd_kafka_vu_t *vus, size_t n, rd_kafka_vtype_t type)
{
	for (size_t i = 0; i < n; i++)
		if (vus[i].vtype == type)
			return &vus[i];
	return NULL;
}

static rd_kafka_resp_err_t produce(rd_kafka_t *rk, const rd_kafka_vu_t *vus, size_t n)
{
	rd_kafka_error_t *error = rd_kafka_produceva(rk, vus, n);
	rd_kafka_resp_err_t code =
		error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
	if (error)
		rd_kafka_error_destroy(error);
	return code;
}

/* The same once more; librdkafka copies it, and nobody asks for its report. */
static void again(rd_kafka_t *rk, rd_kafka_vu_t *vus, size_t n, rd_kafka_headers_t *headers)
{
	rd_kafka_vu_t *each;
	if ((each = find(vus, n, RD_KAFKA_VTYPE_MSGFLAGS)))
		each->u.i = RD_KAFKA_MSG_F_COPY;
	if ((each = find(vus, n, RD_KAFKA_VTYPE_OPAQUE)))
		each->u.ptr = NULL;
	if ((each = find(vus, n, RD_KAFKA_VTYPE_HEADERS)))
		each->u.headers = headers;
	if (produce(rk, vus, n) != RD_KAFKA_RESP_ERR_NO_ERROR)
		abort(); /* a test that planted nothing would show nothing */
}

__attribute__((visibility("default"))) rd_kafka_resp_err_t rd_kafka_producev(rd_kafka_t *rk, ...)
{
	rd_kafka_vu_t vus[MOST], *row, *each;
	va_list ap;
	va_start(ap, rk);
	size_t n = collect(ap, vus);
	va_end(ap);
	row = find(vus, n, RD_KAFKA_VTYPE_OPAQUE);
	if (!row || !row->u.ptr || atomic_fetch_add(&counted, 1) + 1 != which)
		return produce(rk, vus, n);
	if (!twice && (each = find(vus, n, RD_KAFKA_VTYPE_VALUE)))
		each->u.mem.ptr = NULL, each->u.mem.size = 0;
	rd_kafka_headers_t *headers = NULL;
	if ((each = find(vus, n, RD_KAFKA_VTYPE_HEADERS)) && each->u.headers)
		headers = rd_kafka_headers_copy(each->u.headers);
	rd_kafka_resp_err_t code = produce(rk, vus, n);
	if (twice && code == RD_KAFKA_RESP_ERR_NO_ERROR)
		again(rk, vus, n, headers);
	else if (headers)
		rd_kafka_headers_destroy(headers);
	return code;
}
