"""Makes core/charset's tables: asks every server what each code of its character sets is.

    deploy/sandbox/with-python tests/vectors/charsets.py [--check]

needs pymysql (tests/integration/requirements.txt). The five servers must agree; then it writes

  core/charset/tables.bin  16-bit code points in the machine's (little-endian) order
  core/charset/tables.def  a line for each set: where its parts stand in tables.bin
  core/charset/collations.def  from vectors/binlog/collations.txt: ids and their sets

--check writes nothing and fails when they would be others. What is no character is U+FFFD,
which some servers' tables have as well: so it cannot be told from one, and need not be.
"""

import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[1]
sys.path.insert(0, str(TREE / "deploy"))

import pymysql  # noqa: E402
from sandbox import Sandbox  # noqa: E402

SERVERS = (("mysql", "9.7"), ("mysql", "8.0"), ("mysql", "5.7"), ("mariadb", "10.11"),
           ("mariadb", "11.8"))
SINGLE = ("armscii8 ascii cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 geostd8 greek hebrew hp8 "
          "keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce macroman swe7 tis620").split()
MULTI = "big5 cp932 eucjpms euckr gb18030 gb2312 gbk sjis ujis".split()
NONE = 0xFFFD
LEAD = 0xFFFF
FOUR = 39420  # gb18030's codes of four bytes for the BMP; those behind them are arithmetic


def four(index):
    """gb18030's code of four bytes by its number."""
    index, last = divmod(index, 10)
    index, third = divmod(index, 126)
    first, second = divmod(index, 10)
    return bytes([first + 0x81, second + 0x30, third + 0x81, last + 0x30])


CODES = {
    "one": [bytes([i]) for i in range(256)],
    "two": [bytes([i, j]) for i in range(0x80, 256) for j in range(256)],
    "three": [bytes([0x8F, i, j]) for i in range(0xA1, 0xFF) for j in range(0xA1, 0xFF)],
    "four": [four(i) for i in range(FOUR)],
}


def parts_of(name):
    """The kinds of codes that a set has."""
    return (["one"] + ["two"] * (name in MULTI) + ["three"] * (name in ("ujis", "eucjpms")) +
            ["four"] * (name == "gb18030"))


def character(code, text, length):
    """The code point of a server's answer; NONE: no character, or more than one."""
    if text is None or length != 1:
        return NONE
    text = bytes.fromhex(text).decode("utf-8", "surrogatepass")
    if len(text) != 1 or (text == "?" and code != b"?"):
        return NONE
    return ord(text)


def ask(server):
    """{set: {code: code point}} of a server, for the sets it has."""
    connection = pymysql.connect(unix_socket=server.socket, user="root", autocommit=True)
    cursor = connection.cursor()
    for statement in ("SET NAMES utf8mb4", "SET sql_mode=''", "DROP DATABASE IF EXISTS charsets",
                      "CREATE DATABASE charsets", "USE charsets"):
        cursor.execute(statement)
    for part, codes in CODES.items():
        cursor.execute(f"CREATE TABLE {part} (v VARBINARY(4)) ENGINE=MyISAM")
        for at in range(0, len(codes), 8000):
            cursor.execute(f"INSERT INTO {part} VALUES " +
                           ",".join(f"(x'{code.hex()}')" for code in codes[at:at + 8000]))
    cursor.execute("SHOW CHARACTER SET")
    there = {row[0] for row in cursor.fetchall()}
    answer = {}
    for name in SINGLE + MULTI:
        if name not in there:
            continue
        found = answer[name] = {}
        for part in parts_of(name):
            cursor.execute(f"SELECT HEX(v), HEX(CONVERT(CONVERT(v USING {name}) USING utf8mb4)), "
                           f"CHAR_LENGTH(CONVERT(v USING {name})) FROM {part}")
            for code, text, length in cursor.fetchall():
                code = bytes.fromhex(code)
                found[code] = character(code, text, length)
    connection.close()
    return answer


def kana(name, found):
    """MySQL takes a katakana of one byte and a bad one behind it for the katakana."""
    if name in ("sjis", "cp932"):
        for code in found:
            if len(code) == 2 and 0xA1 <= code[0] <= 0xDF:
                found[code] = NONE
    return found


def agreed(answers):
    """What all servers say."""
    result = {}
    for name in SINGLE + MULTI:
        said = [kana(name, answer[name]) for answer in answers if name in answer]
        if any(other != said[0] for other in said):
            sys.exit(f"the servers differ in {name}")
        result[name] = said[0]
    return result


def pack(points):
    """16 bits each; two bytes or more never mean a character beyond the BMP here."""
    return struct.pack(f"<{len(points)}H", *points)


def table_of(name, found):
    """(bytes, the numbers of its line in tables.def, but for where it begins)"""
    one = [found[code] for code in CODES["one"]]
    pairs = [code for code in found if len(code) == 2 and found[code] != NONE]
    first = last = low = high = 0
    two = []
    if pairs:
        first, last = min(c[0] for c in pairs), max(c[0] for c in pairs)
        low, high = min(c[1] for c in pairs), max(c[1] for c in pairs)
        two = [found[bytes([i, j])] for i in range(first, last + 1) for j in range(low, high + 1)]
        for i in {c[0] for c in pairs}:
            assert one[i] == NONE, (name, i)
            one[i] = LEAD
    three = [found[code] for code in CODES["three"]] if "three" in parts_of(name) else []
    fours = [found[code] for code in CODES["four"]] if "four" in parts_of(name) else []
    if three:
        assert one[0x8F] == NONE
        one[0x8F] = LEAD
    if fours:
        for i in range(0x81, 0xFF):
            one[i] = LEAD
    ascii_ = one[:128] == list(range(128))
    return (pack(one) + pack(two) + pack(three) + pack(fours),
            [int(ascii_), first, last, low, high, int(bool(three)), int(bool(fours))])


def sets(tables):
    """(tables.bin, tables.def)"""
    blob, lines = b"", ["/* tables.def - made by tests/vectors/charsets.py: set, place in "
                        "tables.bin, ASCII, first and",
                        " * last byte of codes of two, their second's, three bytes, four */"]
    for name, found in tables.items():
        data, numbers = table_of(name, found)
        lines.append(f"SET({name}, {len(blob) // 2}, {', '.join(str(n) for n in numbers)})")
        blob += data
    return blob, "\n".join(lines) + "\n"


def collations():
    """collations.def: ranges of ids whose set is the same."""
    ids = {}
    for line in (HERE / "binlog" / "collations.txt").read_text().splitlines():
        number, name = line.split("\t")
        ids[int(number)] = "utf8mb3" if name == "utf8" else name
    ranges = []
    for number in sorted(ids):
        if ranges and ranges[-1][1] == number - 1 and ranges[-1][2] == ids[number]:
            ranges[-1][1] = number
        else:
            ranges.append([number, number, ids[number]])
    lines = ["/* collations.def - made by tests/vectors/charsets.py: first and last id, set */"]
    lines += [f"COLLATIONS({first}, {last}, {name})" for first, last, name in ranges]
    return "\n".join(lines) + "\n"


def main():
    """Asks, compares, writes or checks."""
    with Sandbox(TREE / "build" / "charsets") as box:
        tables = agreed([ask(getattr(box, family)(series)) for family, series in SERVERS])
    blob, definition = sets(tables)
    folder = TREE / "core" / "charset"
    made = {"tables.bin": blob, "tables.def": definition.encode(),
            "collations.def": collations().encode()}
    for name, content in made.items():
        if "--check" not in sys.argv:
            (folder / name).write_bytes(content)
        elif (folder / name).read_bytes() != content:
            sys.exit(f"core/charset/{name} is not what the servers say")


if __name__ == "__main__":
    main()
