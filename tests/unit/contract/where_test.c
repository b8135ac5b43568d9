/* where_test.c - conditions of row filters: what they parse to, and what is said of others. */
#include "common/base/buf.h"
#include "common/contract/where.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void put_operand(struct buf *b, const struct where_operand *o)
{
	static const char *const marks[] = {
		[WHERE_COLUMN] = "", [WHERE_NUMBER] = "#", [WHERE_STRING] = "'", [WHERE_BYTES] = "x"};
	if (o->kind == WHERE_NULL) {
		buf_puts(b, "NULL");
		return;
	}
	buf_puts(b, marks[o->kind]);
	buf_put(b, o->text.p, o->text.len);
}

static void put_node(struct buf *b, const struct where_node *n)
{
	static const char *const names[] = {
		[WHERE_AND] = "and", [WHERE_OR] = "or",	  [WHERE_NOT] = "not",
		[WHERE_EQ] = "=",    [WHERE_SAME] = "<=>", [WHERE_NE] = "<>",
		[WHERE_LT] = "<",    [WHERE_LE] = "<=",	  [WHERE_GT] = ">",
		[WHERE_GE] = ">=",   [WHERE_IN] = "in",	  [WHERE_BETWEEN] = "between",
		[WHERE_LIKE] = "like", [WHERE_IS_NULL] = "null?", [WHERE_TRUE] = "true?"};
	buf_printf(b, "(%s%s", n->negated ? "!" : "", names[n->kind]);
	if (n->left) {
		buf_putc(b, ' ');
		put_node(b, n->left);
		if (n->right) {
			buf_putc(b, ' ');
			put_node(b, n->right);
		}
	} else {
		buf_putc(b, ' ');
		put_operand(b, &n->a);
		for (uint32_t i = 0; i < n->nlist; i++) {
			buf_putc(b, ' ');
			put_operand(b, &n->list[i]);
		}
		if ((n->kind >= WHERE_EQ && n->kind <= WHERE_GE) || n->kind == WHERE_LIKE) {
			buf_putc(b, ' ');
			put_operand(b, &n->b);
		}
	}
	buf_putc(b, ')');
}

static void check(const char *text, const char *tree)
{
	struct arena a;
	struct where_node *n;
	struct err err = {0};
	struct buf b;
	arena_init(&a);
	buf_init(&b);
	if (where_parse(text, &a, &n, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	put_node(&b, n);
	assert_string_equal(buf_cstr(&b), tree);
	buf_free(&b);
	arena_free(&a);
}

static void check_fault(const char *text, const char *message)
{
	struct arena a;
	struct where_node *n;
	struct err err = {0};
	arena_init(&a);
	if (where_parse(text, &a, &n, &err) != -EINVAL)
		fail_msg("accepted: %s", text);
	assert_string_equal(err.text, message);
	arena_free(&a);
}

static void test_conditions(void **state)
{
	(void)state;
	check("price > 0", "(> price #0)");
	check("a = -1.5e3", "(= a #-1.5e3)");
	check(" `a``b` <> 'it''s\\n' ", "(<> a`b 'it's\n)");
	check("a=1 or b=2 and not c=3", "(or (= a #1) (and (= b #2) (not (= c #3))))");
	check("(a=1 or b=2) and c=3", "(and (or (= a #1) (= b #2)) (= c #3))");
	check("a=1||b=2&&!(c=3)", "(or (= a #1) (and (= b #2) (not (= c #3))))");
	check("!a and !!(b=1)", "(and (not (true? a)) (not (not (= b #1))))");
	check("a IS NULL AND b is not null", "(and (null? a) (!null? b))");
	check("a in (1, 'x', NULL)", "(in a #1 'x NULL)");
	check("a not in (X'4142')", "(!in a xAB)");
	check("a between 1 and 2 and b", "(and (between a #1 #2) (true? b))");
	check("a like 'x\\%_%'", "(like a 'x\\%_%)");
	check("a not like \"y\"", "(!like a 'y)");
	check("a <=> null", "(<=> a NULL)");
	check("a != true", "(<> a #1)");
	check("1 < a", "(< #1 a)");
	check("a<b", "(< a b)");
	check("größe >= .5", "(>= größe #.5)");
	check("a>-1", "(> a #-1)");
}

static void test_faults(void **state)
{
	(void)state;
	check_fault("", "an empty condition at character 1");
	check_fault("a = ", "a column, a number or a text is needed at character 5");
	check_fault("a = 1 b", "AND, OR or the end is needed at character 7");
	check_fault("lower(a) = 'x'", "functions cannot be called: at character 1");
	check_fault("ä = 'x", "a text without its end at character 5");
	check_fault("(a = 1", "')' is needed at character 7");
	check_fault("a in 1", "'(' is needed behind IN at character 6");
	check_fault("a in (b)", "a number or a text is needed, not a column, at character 7");
	/* To MySQL that is (!c) = 3. */
	check_fault("a=1 && !c=3", "'!' denies only what is next to it: write NOT, or parentheses "
				   "behind it, at character 8");
	check_fault("!a IS NULL", "'!' denies only what is next to it: write NOT, or parentheses "
				  "behind it, at character 1");
	check_fault("a not 1", "IN, BETWEEN or LIKE is needed behind NOT at character 7");
	check_fault("a = X'123'", "X'…' needs an even number of digits at character 5");
	check_fault("a ; drop", "a sign that has no meaning here at character 3");
	check_fault("a regexp 'x'", "AND, OR or the end is needed at character 3");
	check_fault("a = 1x", "not a number (a name that begins with a digit needs `) at character 5");
}

/* Deep and long ones are refused, not a matter of the stack. */
static void test_bounds(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b);
	for (int i = 0; i < 100; i++)
		buf_lit(&b, "(");
	check_fault(buf_cstr(&b), "too deep at character 65");
	buf_clear(&b);
	for (int i = 0; i < 600; i++)
		buf_lit(&b, "a or ");
	buf_lit(&b, "a");
	check_fault(buf_cstr(&b), "too many conditions at character 2503");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
