/* ddl_priv.h - what the files of the DDL tracker share. See ddl.h. */
#ifndef MR_SCHEMA_DDL_PRIV_H
#define MR_SCHEMA_DDL_PRIV_H

#include "core/schema/ddl.h"

/* ------------------------------------------------------- ddl_lex.c */

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,   /* keyword, name without quotes, number, 0x41 */
	TOKEN_NAME,   /* quoted name */
	TOKEN_STRING, /* 'text', n'text' */
	TOKEN_BYTES,  /* x'41', b'01' */
	TOKEN_CHAR,   /* any other character */
};

struct token {
	enum token_kind kind;
	struct span text; /* as written, with quotes */
};

struct lexer {
	const uint8_t *p;
	const uint8_t *end;
	bool ansi_quotes;
	bool backslash_escapes;
	bool mariadb;
	uint32_t version;
	uint32_t depth; /* versioned comments that are open */
};

struct token ddl_lex(struct lexer *l);
/* What a quoted or plain name says; p is NULL when there is no memory. */
struct span ddl_name_text(const struct token *t, struct arena *arena);
/* What a string says, or bytes; p is NULL when there is no memory, or they are wrong. */
struct span ddl_string_text(const struct lexer *l, const struct token *t, struct arena *arena);

/* ------------------------------------------------------- ddl_parse.c */

struct ddl {
	const struct ddl_session *session;
	const struct ddl_lookup *lookup;
	struct arena *arena;
	struct lexer lexer; /* behind t */
	struct token t;	    /* at hand */
	bool doubt;	    /* the table at hand: something is not understood, or not known */
	int rc;		    /* no memory, or the failure of a callback: sticky */
	struct ddl_changes changes;
	uint32_t cap;
};

void ddl_next(struct ddl *d);
/* The token behind the one at hand. */
struct token ddl_peek(const struct ddl *d);
/* word: in capitals */
bool ddl_token_is(const struct token *t, const char *word);
bool ddl_at(const struct ddl *d, const char *word);
bool ddl_at_char(const struct ddl *d, char c);
bool ddl_at_end(const struct ddl *d);
/* Steps over what is expected, if it is at hand. */
bool ddl_take(struct ddl *d, const char *word);
bool ddl_take_char(struct ddl *d, char c);
/* Over IF [NOT] EXISTS. */
bool ddl_take_if(struct ddl *d, bool exists);
bool ddl_take_name(struct ddl *d, struct span *ret);
/* [db.]table; the session's database when there is none. False: no name is at hand. */
bool ddl_take_table(struct ddl *d, struct span *ret_db, struct span *ret_name);
bool ddl_take_number(struct ddl *d, uint64_t *ret);
bool ddl_take_text(struct ddl *d, struct span *ret);
/* Over one token, or all of a parenthesis that begins here. */
void ddl_skip(struct ddl *d);
/* Up to a ',' or ')' outside parentheses, or the end. */
void ddl_skip_item(struct ddl *d);
/* The name of a character set or collation: a word, a string, a quoted name. */
bool ddl_take_charset_name(struct ddl *d, struct span *ret);
/* CHARACTER SET | CHARSET | CHAR SET: over it. */
bool ddl_take_charset_words(struct ddl *d);

void *ddl_alloc(struct ddl *d, size_t n); /* zeroed; NULL sets rc */
struct span ddl_keep(struct ddl *d, struct span s);
struct span ddl_printf(struct ddl *d, const char *fmt, ...) MR_PRINTF(2, 3);
bool ddl_same(struct span a, struct span b);	 /* whatever the case of letters */
bool ddl_span_is(struct span a, const char *b); /* likewise */
bool ddl_is_mysql(const struct ddl *d, uint32_t from);
bool ddl_is_mariadb(const struct ddl *d, uint32_t from);

/* ------------------------------------------------------- ddl_charset.c */

/* As the server names it now; .p is NULL for one we do not know. */
struct span ddl_charset_canonical(const struct ddl *d, struct span name);
uint32_t ddl_charset_width(struct span name); /* bytes of its longest character; 0: unknown */
bool ddl_charset_is_unicode(struct span name);
struct span ddl_charset_default(struct ddl *d, struct span charset); /* its collation */
/*
 * A character set and a collation as given (either may be empty), and what holds without
 * them, made complete. False: not known (both left empty).
 */
bool ddl_charset_complete(struct ddl *d, struct span *charset, struct span *collation,
			  struct span default_charset, struct span default_collation);

/* ------------------------------------------------------- ddl_table.c */

struct ddl_column {
	struct catalog_column c;
	bool own_charset; /* written in this statement */
	bool fresh;	  /* made or changed in this statement */
	bool row_start;	  /* GENERATED ALWAYS AS ROW START, in this statement */
	bool row_end;
};

struct ddl_part {
	struct ddl_column *column; /* NULL: an expression */
	struct span name;	   /* until columns are bound */
	uint32_t prefix;
};

struct ddl_key {
	struct span name; /* empty: to be made */
	bool primary;
	bool unique;
	bool hash;	/* in information_schema */
	bool by_hash;	/* USING HASH */
	bool by_tree;	/* USING BTREE */
	bool foreign;	/* made for a foreign key, unless another key serves */
	bool full_text; /* or spatial, or vector */
	bool if_not_exists;
	bool fresh;
	bool may_be_null;
	uint32_t place;
	uint32_t nparts;
	uint32_t cap;
	struct ddl_part *parts;
};

/* A definition that can be altered. */
struct ddl_def {
	struct span db;
	struct span name;
	struct span charset;
	struct span collation;
	struct span engine; /* written in this statement */
	bool small_keys;    /* an engine or row format whose keys may be at most 767 bytes */
	bool versioned;
	bool keys_known;
	bool period; /* PERIOD FOR: of what, only the server tells */
	uint32_t ncolumns;
	uint32_t ccap;
	struct ddl_column **columns;
	uint32_t nkeys;
	uint32_t kcap;
	struct ddl_key **keys;
};

/* NULL: no memory. */
struct ddl_def *ddl_def_new(struct ddl *d, struct span db, struct span name);
struct ddl_def *ddl_def_of(struct ddl *d, const struct catalog_table *t);
/* At index `at`; UINT32_MAX: behind all. */
void ddl_def_insert(struct ddl *d, struct ddl_def *t, struct ddl_column *c, uint32_t at);
uint32_t ddl_def_find(const struct ddl_def *t, struct span name); /* UINT32_MAX: none */
void ddl_def_add_key(struct ddl *d, struct ddl_def *t, struct ddl_key *k);
struct ddl_key *ddl_def_find_key(const struct ddl_def *t, struct span name);
void ddl_key_add_part(struct ddl *d, struct ddl_key *k, struct ddl_part part);
/* Binds, names and orders the keys; then as a catalogue has it. NULL: doubt, or rc. */
const struct catalog_table *ddl_def_finish(struct ddl *d, struct ddl_def *t);

/* ------------------------------------------------------- ddl_type.c */

/* At a type: fills c->c but for name and place. Unknown types are doubt. */
void ddl_parse_type(struct ddl *d, const struct ddl_def *t, struct ddl_column *c,
		    struct ddl_key **ret_key);

struct ddl_type;
/* Text that is converted to a table's new character set. */
void ddl_type_convert(struct ddl *d, struct ddl_column *c, struct span charset,
		      struct span collation);

/* ------------------------------------------------------- ddl_column.c */

/*
 * At what follows a column's name: type and attributes, up to ',' or ')', FIRST, AFTER or
 * the end. Keys that it declares go to the definition.
 */
void ddl_parse_column(struct ddl *d, struct ddl_def *t, struct ddl_column *c);
/* Does a key, constraint or period begin here, and not a column? */
bool ddl_at_constraint(const struct ddl *d);
/* Over it, into the definition. */
void ddl_parse_constraint(struct ddl *d, struct ddl_def *t);
/* (part, …) of a key; unnamed columns are bound by ddl_def_finish(). */
void ddl_parse_parts(struct ddl *d, struct ddl_key *k);
/* USING and the other options behind a key, up to ',' or ')' or the end. */
void ddl_parse_key_options(struct ddl *d, struct ddl_key *k);

/* ------------------------------------------------------- ddl_alter.c */

/* [DEFAULT] CHARACTER SET, COLLATE. False: neither is at hand. */
bool ddl_take_default_charset(struct ddl *d, struct span *charset, struct span *collation);
/* One option of a table: ENGINE=…, COMMENT '…'. False: none is at hand. */
bool ddl_take_option(struct ddl *d, struct ddl_def *t, struct span *charset,
		     struct span *collation);

/* What ALTER TABLE makes of a table besides its definition. */
struct ddl_altered {
	struct span db; /* RENAME TO; empty: not renamed */
	struct span name;
	struct span made_db; /* CONVERT PARTITION TO TABLE */
	struct span made_name;
	struct span gone_db; /* CONVERT TABLE TO PARTITION */
	struct span gone_name;
	bool others; /* what is not understood may be about other tables, too */
};
/* At the first item of ALTER TABLE's list; t may be NULL: then only names are read. */
void ddl_parse_alter(struct ddl *d, struct ddl_def *t, struct ddl_altered *ret);
/* A name as the server keeps it: in lower case with lower_case_table_names=1. */
struct span ddl_fold(struct ddl *d, struct span name);
/* The default of a database; false: not known. */
bool ddl_database_charset(struct ddl *d, struct span db, struct span *charset,
			  struct span *collation);

#endif
