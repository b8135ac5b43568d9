"""Tables of every type with edge values: CREATE and INSERT statements, and the tables' names."""


def rows_of(table, *rows):
    return [f"INSERT INTO {table} VALUES ({i}, {row})" for i, row in enumerate(rows, 1)]


def int_tables():
    kinds = [("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)]
    columns = ", ".join(f"c{n} {k}, u{n} {k} unsigned" for k, n in kinds)
    low = ", ".join(f"{-2**(n-1)}, 0" for _, n in kinds)
    high = ", ".join(f"{2**(n-1)-1}, {2**n-1}" for _, n in kinds)
    minus = ", ".join(f"-1, {2**(n-1)}" for _, n in kinds)
    null = ", ".join("NULL, NULL" for _ in kinds)
    return ["CREATE TABLE ints (id int unsigned PRIMARY KEY, " + columns +
            ", y year, after_year bigint unsigned NOT NULL, z int)",
            *rows_of("ints", f"{low}, 0, 18446744073709551615, -5", f"{high}, 1901, 0, 5",
                     f"{minus}, 2155, 9223372036854775808, 0", f"{null}, NULL, 1, NULL")], ["ints"]


def decimal_tables():
    kinds = [(1, 0), (5, 2), (9, 9), (10, 0), (18, 9), (19, 0), (20, 10), (27, 9), (38, 18),
             (65, 0), (65, 30)]
    columns = ", ".join(f"d{p}_{s} decimal({p},{s})" for p, s in kinds)

    def all_of(f):
        return ", ".join(f(p, s) for p, s in kinds)

    def digits(p, s, sign=""):
        text = ("9" * (p - s) or "0") + ("." + "9" * s if s else "")
        return sign + text

    def tiny(p, s, sign=""):
        return sign + ("0." + "0" * (s - 1) + "1" if s else "1")

    def mixed(p, s):
        whole = "123456789" * 8
        return "-" + (whole[:p - s] or "0") + ("." + ("987654321" * 4)[:s] if s else "")
    return ["CREATE TABLE decimals (id int PRIMARY KEY, " + columns + ", u decimal(6,3) unsigned)",
            *rows_of("decimals", all_of(digits) + ", 999.999",
                     all_of(lambda p, s: digits(p, s, "-")) + ", 0",
                     all_of(tiny) + ", 0.001", all_of(lambda p, s: tiny(p, s, "-")) + ", 1",
                     all_of(lambda p, s: "0") + ", 0", all_of(mixed) + ", 12.5",
                     all_of(lambda p, s: "NULL") + ", NULL")], ["decimals"]


def float_tables():
    values_ = [("0", "0"), ("-0e0", "-0e0"), ("1.5", "1.5"), ("0.1", "0.1"), ("-3.4e38", "-1e308"),
               ("1.17549435e-38", "2.2250738585072014e-308"), ("1e-44", "5e-324"),
               ("16777217", "9007199254740993"), ("1e10", "1.7976931348623157e308"),
               ("NULL", "NULL")]
    return ["CREATE TABLE floats (id int PRIMARY KEY, f float, d double)",
            *rows_of("floats", *(f"{f}, {d}" for f, d in values_))], ["floats"]


def string_tables():
    text = "'gr\u00fc\u00df \u20ac \U0001f600'"
    latin = "'gr\u00fc\u00df \u20ac'"
    return [
        "CREATE TABLE strings (id int PRIMARY KEY, c10 char(10), c255 char(255), "
        "l5 char(10) CHARACTER SET latin1, a3 char(3) CHARACTER SET ascii, "
        "v10 varchar(10), v63 varchar(63), v64 varchar(64), v300 varchar(300), "
        "lv255 varchar(255) CHARACTER SET latin1, lv256 varchar(256) CHARACTER SET latin1, "
        "u2 varchar(20) CHARACTER SET ucs2, l2 varchar(20) CHARACTER SET latin2, "
        "vb varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, "
        "tt tinytext, t text, mt mediumtext, lt longtext, ltext text CHARACTER SET latin1)",
        *rows_of("strings",
                 f"{text}, {text}, {latin}, 'abc', {text}, {text}, {text}, {text}, {latin}, {latin}, "
                 f"{latin}, '\u0142\u00f3d\u017a', {text}, {text}, {text}, {text}, {text}, {latin}",
                 "'', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', ''",
                 "REPEAT('\U0001f600', 10), REPEAT('\U0001f600', 255), REPEAT('\u20ac', 10), 'x', "
                 "REPEAT('\U0001f600', 10), REPEAT('\U0001f600', 63), REPEAT('\U0001f600', 64), "
                 "REPEAT('z', 300), REPEAT('\u00e9', 255), REPEAT('\u00e9', 256), 'xy', 'xy', 'b ', "
                 "REPEAT('a', 255), REPEAT('b', 300), REPEAT('c', 400), 'd', 'e'",
                 "'  lead', 'trail   ', 'trail  ', ' ', 'trail  ', ' ', '\\\\', '\"', '\\0', "
                 "'\\n\\r\\t', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'",
                 ", ".join(["NULL"] * 18))], ["strings"]


def binary_tables():
    return [
        "CREATE TABLE binaries (id int PRIMARY KEY, b5 binary(5), b255 binary(255), "
        "vb10 varbinary(10), vb300 varbinary(300), tb tinyblob, bl blob, mb mediumblob, "
        "lb longblob)",
        *rows_of("binaries", "X'0102000000', X'01', X'0100', X'00', X'00', X'', X'ff00', X'00ff00'",
                 "X'', X'', X'', X'', X'', X'', X'', X''",
                 "X'ffffffffff', REPEAT(X'ff', 255), REPEAT(X'00', 10), REPEAT(X'80', 300), "
                 "REPEAT(X'00', 255), REPEAT(X'01', 300), REPEAT(X'02', 300), REPEAT(X'03', 300)",
                 ", ".join(["NULL"] * 8))], ["binaries"]


def temporal_tables():
    columns = ["d date", *(f"t{n} time({n})" for n in range(7)),
               *(f"dt{n} datetime({n})" for n in range(7)),
               *(f"ts{n} timestamp({n}) NULL" for n in range(7))]

    def row(date, time, datetime, timestamp):
        return ", ".join([date, *[time] * 7, *[datetime] * 7, *[timestamp] * 7])
    return [
        "CREATE TABLE temporals (id int PRIMARY KEY, " + ", ".join(columns) + ")",
        *rows_of("temporals",
                 row("'2026-11-22'", "'12:34:56.123456'", "'2026-11-22 01:02:03.987654'",
                     "'2026-11-22 22:59:59.000001'"),
                 row("'0000-00-00'", "'00:00:00'", "'0000-00-00'", "'0000-00-00 00:00:00'"),
                 row("'9999-12-31'", "'838:59:59'", "'9999-12-31 23:59:59'",
                     "'2038-01-19 03:14:07'"),
                 row("'1000-01-01'", "'-838:59:59'", "'1000-01-01 00:00:00.000001'",
                     "'1970-01-01 00:00:01'"),
                 row("'2024-02-29'", "'-00:00:00.000001'", "'2024-02-29 23:59:59.999999'",
                     "'2001-09-09 01:46:40.5'"),
                 row("'2024-00-00'", "'-12:00:00.5'", "'2024-01-00 00:00:00'",
                     "'2026-01-01 00:00:00.999999'"),
                 row("'0001-01-01'", "'-00:59:59.99'", "'0001-01-01 00:00:00.1'",
                     "'1999-12-31 23:59:59.01'"),
                 row("NULL", "NULL", "NULL", "NULL"))], ["temporals"]


def label_tables():
    many = ",".join(f"'label {i}'" for i in range(300))
    bits = ",".join(f"'b{i}'" for i in range(64))
    return [
        "CREATE TABLE labels (id int PRIMARY KEY, e enum('red','gr\u00fcn','\U0001f600','a,b',''''), "
        "el enum('\u00e9','\u20ac','plain') CHARACTER SET latin1, "
        f"e300 enum({many}), s set('x','y','\u017c'), sl set('\u00e9','\u20ac') CHARACTER SET latin1, "
        f"s64 set({bits}), s9 set('1','2','3','4','5','6','7','8','9'))",
        *rows_of("labels", "'red', '\u00e9', 'label 0', 'x', '\u00e9', 'b0', '1'",
                 "'''', 'plain', 'label 299', 'x,y,\u017c', '\u00e9,\u20ac', 'b0,b63', '9,1'",
                 "0, 0, 256, '', '', '', ''",
                 "3, 2, 255, 4, 2, 18446744073709551615, 511",
                 ", ".join(["NULL"] * 7))], ["labels"]


def bit_tables():
    return ["CREATE TABLE bits (id int PRIMARY KEY, b1 bit(1), b7 bit(7), b8 bit(8), b9 bit(9), "
            "b17 bit(17), b33 bit(33), b64 bit(64))",
            *rows_of("bits", "1, 127, 255, 511, 131071, 8589934591, 18446744073709551615",
                     "0, 0, 0, 0, 0, 0, 0", "1, 64, 128, 256, 65536, 4294967296, "
                     "9223372036854775808", ", ".join(["NULL"] * 7))], ["bits"]


def geometry_tables():
    return ["CREATE TABLE shapes (id int PRIMARY KEY, before_ varchar(10) CHARACTER SET latin1, "
            "p point, after_ varchar(10), g geometry)",
            *rows_of("shapes", "'a', POINT(1, 2), 'b', ST_GeomFromText('LINESTRING(0 0,1 1)')",
                     "NULL, NULL, NULL, NULL")], ["shapes"]


def key_tables():
    return [
        "CREATE TABLE key_two (id int, b varchar(10) NOT NULL, c int NOT NULL, PRIMARY KEY (c, id))",
        "CREATE TABLE key_prefix (id int NOT NULL, t text NOT NULL, PRIMARY KEY (t(3), id))",
        "CREATE TABLE key_unique (id int NOT NULL, u int NOT NULL, UNIQUE KEY (u))",
        "CREATE TABLE key_none (id int, u int, UNIQUE KEY (u))",
        "INSERT INTO key_two VALUES (1, 'x', 2)", "INSERT INTO key_prefix VALUES (1, 'text')",
        "INSERT INTO key_unique VALUES (1, 2)", "INSERT INTO key_none VALUES (1, NULL)",
    ], ["key_two", "key_prefix", "key_unique", "key_none"]


def json_documents():
    return [
        "null", "true", "false", "0", "-1", "1", "32767", "32768", "-32768", "-32769", "65535",
        "65536", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295",
        "4294967296", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
        "0.0", "1.5", "-0.25", "1e100", "1.7976931348623157e308", "100000.0", '""', '"text"',
        '"gr\u00fc\u00df \u20ac \U0001f600"', r'"quote \" backslash \\ slash / newline \n tab \t"',
        r'"control \u0001 \u001f \u007f"', "[]", "{}", "[1, -2, 3.5, null, true, false, \"s\"]",
        '{"a": 1, "bb": {"c": [1, {"d": null}]}, "": "empty key"}',
        '{"z": 1, "y": 2, "aa": 3, "b": 4}', '{"k\u00e9y \\" quoted": [[], {}, [[]], [{}]]}',
        '[70000, -70000, 5000000000, -5000000000, 18446744073709551615]',
        "[" * 50 + "1" + "]" * 50, '{"a":' * 50 + "2" + "}" * 50,
        "[" + ", ".join(str(i) for i in range(300)) + "]",
        "{" + ", ".join(f'"key{i:03}": {i * 1000}' for i in range(200)) + "}",
    ]


def json_tables(source):
    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    rows = [quoted(d) for d in json_documents()]
    rows += [
        # The large form: over 64 KB; strings whose length needs 2 and 3 bytes.
        "JSON_ARRAY(70000, -1, 1, 65536, NULL, 1.5, JSON_OBJECT('long', REPEAT('y', 66000), "
        "'n', 70000, 'i', -7, 't', true))",
        "JSON_ARRAY(REPEAT('a', 127), REPEAT('b', 128), REPEAT('c', 16383), REPEAT('d', 16384))",
        # Opaque values.
        "JSON_ARRAY(CAST(1.50 AS DECIMAL(5,2)), CAST(-0.001 AS DECIMAL(10,3)), "
        "CAST('12345678901234567890.123456789' AS DECIMAL(40,9)))",
        "JSON_ARRAY(CAST('2026-11-22' AS DATE), CAST('12:34:56.123456' AS TIME(6)), "
        "CAST('-838:59:59' AS TIME), CAST('2026-11-22 01:02:03.5' AS DATETIME(3)), "
        "CAST('0001-01-01 00:00:00' AS DATETIME))",
        "JSON_OBJECT('ts', TIMESTAMP'2026-11-22 01:02:03', 'blob', X'00ff10', 'bit', b'101')",
        "JSON_ARRAY(ST_GeomFromText('POINT(1 2)'), CAST('2026' AS YEAR))"
        if source.name == "mysql-9.7" else "JSON_ARRAY(X'')",
        "NULL",
    ]
    return ["CREATE TABLE docs (id int PRIMARY KEY, j json, after_ int unsigned)",
            *rows_of("docs", *(r + ", 7" for r in rows))], ["docs"]


def special_tables(source):
    """Types and columns of one flavour or version only."""
    if source.name == "mysql-9.7":
        return [
            "CREATE TABLE vectors (id int PRIMARY KEY, v vector(3), t varchar(5))",
            "INSERT INTO vectors VALUES (1, STRING_TO_VECTOR('[1,2.5,-3]'), 'x'), (2, NULL, NULL)",
            "CREATE TABLE invisible (id int PRIMARY KEY, seen int, unseen int INVISIBLE)",
            "INSERT INTO invisible (id, seen, unseen) VALUES (1, 2, 3)",
            "SET sql_generate_invisible_primary_key=ON", "CREATE TABLE gipk (id int, x int)",
            "INSERT INTO gipk VALUES (1, 5)", "SET sql_generate_invisible_primary_key=OFF",
        ], ["vectors", "invisible", "gipk"]
    if source.maria:
        extra = ["CREATE TABLE ids (id int PRIMARY KEY, u uuid, i4 inet4, i6 inet6, t varchar(5))",
                 "INSERT INTO ids VALUES (1, '00112233-4455-6677-8899-aabbccddee00', '10.0.0.0', "
                 "'2001:db8::', 'x'), (2, NULL, NULL, NULL, NULL)",
                 "CREATE TABLE unseen (id int PRIMARY KEY, seen int, hidden int INVISIBLE DEFAULT 4)",
                 "INSERT INTO unseen VALUES (1, 2)"]
        tables = ["ids", "unseen"]
        if source.series == "11.8":
            extra += ["CREATE TABLE vectors (id int PRIMARY KEY, v vector(3), t varchar(5))",
                      "INSERT INTO vectors VALUES (1, VEC_FromText('[1,2.5,-3]'), 'x')"]
            tables += ["vectors"]
        return extra, tables
    return [], []


