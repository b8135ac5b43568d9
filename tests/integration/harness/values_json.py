"""JSON documents that meet every part of MySQL's binary format, as rows of SQL literals."""


def literal(document: str) -> str:
    """A document's text as SQL; hexadecimal, so that nothing is taken for an escape."""
    return f"CONVERT(X'{document.encode('utf-8').hex()}' USING utf8mb4)"


INTEGERS = [0, 1, -1, 127, -128, 32767, 32768, -32768, -32769, 65535, 65536, 2**31 - 1, 2**31,
            -2**31, -2**31 - 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, -2**63, 2**64 - 1]
DOUBLES = ["0.0", "-0.0", "1.5", "-0.25", "0.1", "1e100", "-1e-100", "1.7976931348623157e308",
           "5e-324", "2.2250738585072014e-308", "100000.0", "1e15", "1e16", "1e17", "1e20", "1e21",
           "1e22", "123456789.0", "0.0001", "0.00001", "1e-7", "3.141592653589793",
           "18446744073709551616", "-9223372036854775809", "9007199254740993.0"]
STRINGS = ['""', '"text"', '"gr\u00fc\u00df \u20ac \U0001f600"', r'"\" \\ \/ \b \f \n \r \t"',
           r'"\u0000 \u0001 \u001f \u007f"', r'"\u00e9 \ud83d\ude00"', '"\u2028\u2029\x85"',
           '"\uffff\U0010ffff"', '"e\u0301"', '": , {}[]"', r'"ends in a backslash \\"']
OBJECTS = ["{}", "[]", "[[]]", '{"": ""}', '{"z": 1, "y": 2, "aa": 3, "b": 4, "": 0}',
           '{"k\u00e9y \\" quoted": [[], {}, [[]], [{}]], "\U0001f600": {"\u4e2d": null}}',
           '{"a": 1, "A": 2, "a ": 3, "\u00e9": 4, "e\u0301": 5}',
           '{"same": 1, "same": 2, "nested": {"same": [1, {"same": "s"}]}}',
           '[1, -2, 3.5, null, true, false, "s", {"t": true, "f": false, "n": null}]']


def _large() -> list[str]:
    """Over 64 KiB: offsets of four bytes, and 32-bit numbers that stand inline."""
    keys = {f"key{n:05}": n * 1000 for n in range(6000)}
    mixed = ", ".join(str(v) for v in (70000, -70000, 5000000000, -5000000000, 2**64 - 1, 1, -1,
                                       65536, -32769, 4294967295, -2147483648))
    filler = '"' + "y" * 66000 + '"'
    return ["{" + ", ".join(f'"{key}": {value}' for key, value in keys.items()) + "}",
            "[" + ", ".join(str(n * n - 5000) for n in range(20000)) + "]",
            f"[{filler}, {mixed}, null, true, false, 1.5, \"after\", {{\"inner\": [{mixed}]}}]",
            f'{{"long": {filler}, "n": 70000, "i": -7, "t": true, "z": null, "d": -0.5, '
            f'"small": {{"a": [1, 2, 65536]}}}}',
            "[" + ", ".join(f'{{"id": {n}, "t": "row {n} \u00e9"}}' for n in range(3000)) + "]",
            '"' + "\u20ac" * 40000 + '"',
            '{"' + "k" * 65535 + '": 1, "b": 2}']


def documents() -> list[str]:
    """Every document that is plain text."""
    lengths = [f'"{"s" * n}"' for n in (126, 127, 128, 129, 16383, 16384, 16385)]
    deep = ["[" * 100 + "]" * 100, "[" * 99 + "1" + "]" * 99, '{"a":' * 99 + "-1.5" + "}" * 99,
            '{"a":[' * 49 + '"deep"' + "]}" * 49]
    return (["null", "true", "false"] + [str(n) for n in INTEGERS] + DOUBLES + STRINGS + OBJECTS +
            ["[" + ", ".join(str(n) for n in INTEGERS) + "]",
             "[" + ", ".join(DOUBLES) + "]", "[" + ", ".join(STRINGS) + "]"] +
            lengths + deep + _large())


UNSIGNED = ", ".join(f"CAST({n} AS UNSIGNED)" for n in
                     (0, 32767, 32768, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**63))
OPAQUE = [
    "JSON_ARRAY(CAST(1.50 AS DECIMAL(5,2)), CAST(-0.001 AS DECIMAL(10,3)), "
    "CAST(0 AS DECIMAL(5,3)), CAST(-99999 AS DECIMAL(5,0)), "
    "CAST('12345678901234567890.123456789' AS DECIMAL(40,9)), "
    "CAST('-99999999999999999999999999999999999.999999999999999999999999999999' AS DECIMAL(65,30)))",
    "JSON_ARRAY(CAST('2026-11-22' AS DATE), CAST('0001-01-01' AS DATE), "
    "CAST('9999-12-31' AS DATE))",
    "JSON_ARRAY(CAST('12:34:56.123456' AS TIME(6)), CAST('-838:59:59' AS TIME), "
    "CAST('-00:00:00.000001' AS TIME(6)), CAST('00:00:00' AS TIME), CAST('838:59:59' AS TIME))",
    "JSON_ARRAY(CAST('2026-11-22 01:02:03.5' AS DATETIME(3)), "
    "CAST('1000-01-01 00:00:00' AS DATETIME), CAST('9999-12-31 23:59:59.999999' AS DATETIME(6)))",
    "JSON_OBJECT('ts', TIMESTAMP'2026-11-22 01:02:03', 'blob', X'00ff10', 'bit', b'101', "
    "'empty', X'')",
    "JSON_ARRAY(CAST(REPEAT(X'00ff', 200) AS BINARY), b'1111111111', "
    "CAST(X'ff' AS CHAR CHARACTER SET binary))",
    "JSON_ARRAY(CAST(0 AS SIGNED), CAST(18446744073709551615 AS UNSIGNED), 1e0, 1.0, true)",
    # Numbers without a sign below 2^63 come from expressions only: text has them signed.
    f"JSON_ARRAY({UNSIGNED})", f"JSON_ARRAY({UNSIGNED}, REPEAT('y', 70000), {UNSIGNED})",
    "JSON_OBJECT('u', CAST(40000 AS UNSIGNED), 'v', CAST(3000000000 AS UNSIGNED), "
    f"'long', REPEAT('y', 70000), 'a', JSON_ARRAY({UNSIGNED}))",
    "CAST(CAST(1.50 AS DECIMAL(5,2)) AS JSON)", "CAST(TIME'10:00:00' AS JSON)",
    "CAST(CAST('2026' AS YEAR) AS JSON)", "JSON_ARRAY(ST_GeomFromText('POINT(1 2)'))",
]


def json_rows() -> list[list[str]]:
    """For a table of (JSON, INT UNSIGNED)."""
    values = [literal(document) for document in documents()] + \
        [value for value in OPAQUE if "YEAR" not in value]
    return [[value, str(number)] for number, value in enumerate(values)] + [["NULL", "7"]]


def maria_json_rows() -> list[list[str]]:
    """MariaDB keeps the text as it was written."""
    texts = documents()[:-3] + ["{ \"a\" :1,\n\t\"a\":2 }", " [1,2 ] ", r'"\u00E9 \/"', "1E5"]
    texts = [text for text in texts if text.count("[") < 30 and text.count("{") < 30]
    return [[literal(text), str(number)] for number, text in enumerate(texts)] + [["NULL", "7"]]
