"""Makes the starting inputs of values_fuzz.c and geometry_fuzz.c.

    python3 tests/fuzz/envelope/make_corpus.py

Rewrites v_* in both corpora; inputs under other names (found by fuzzing) stay.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
# Number in values_fuzz.c's types, metadata, bytes of a value as a server wrote it.
VALUES = {
    "decimal": (0, 5 << 8 | 2, "7ffffe37ff"), "decimal_30": (0, 65 << 8 | 30, "80" + "00" * 29),
    "date": (1, 0, "76d50f"), "date_zero": (1, 0, "000000"), "time6": (2, 6, "7fefff85ee00"),
    "time": (2, 0, "80c830"), "datetime3": (3, 3, "99b8eca7cf04d8"),
    "datetime_zero": (3, 0, "8000000000"), "timestamp6": (4, 6, "5b2a58ff01d4c0"),
    "timestamp_zero": (4, 0, "00000000"), "old_time": (5, 0, "80d401"),
    "old_datetime": (6, 0, "c7a97e8f6d120000"), "old_timestamp": (7, 0, "ff582a5b"),
    "year": (8, 0, "7e"), "tiny": (9, 0, "80"), "long": (12, 0, "ffffff7f"),
    "longlong": (13, 0, "ffffffffffffffff"), "float": (14, 4, "cdcccc3d"),
    "double": (15, 8, "9a9999999999b93f"), "nan": (15, 8, "000000000000f87f"),
    "bit9": (16, 9, "0100"), "enum": (17, 1, "01"), "set": (18, 1, "05"),
    "char": (19, 20, "0568656c6c6f"), "varchar": (20, 300, "0300c3a978"), "blob": (21, 2, "020000ff"),
    "json": (22, 4, "0c000000000100" "0b00" "0b00" "0100" "050700" "61"),
    "geometry": (23, 4, "19000000" "00000000" "0101000000" "000000000000f03f" "0000000000000040"),
    "vector": (24, 4, "080000000000803f000000c0"), "compressed": (25, 100, "0400616263"),
}


def position(x, y):
    return struct.pack("<dd", x, y)


def listed(*items):
    return struct.pack("<I", len(items)) + b"".join(items)


def shape(kind, body):
    return struct.pack("<BI", 1, kind) + body


POINT = shape(1, position(1.5, -2))
LINE = listed(position(0, 0), position(1e20, 1e-7))
RINGS = listed(listed(position(0, 0), position(4, 0), position(4, 4), position(0, 0)), LINE)
GEOMETRIES = {
    "point": POINT, "line": shape(2, LINE), "polygon": shape(3, RINGS),
    "points": shape(4, listed(POINT, POINT)), "lines": shape(5, listed(shape(2, LINE))),
    "polygons": shape(6, listed(shape(3, RINGS))),
    "collection": shape(7, listed(POINT, shape(7, listed()), shape(2, LINE))),
    "empty": shape(7, listed()), "nan": shape(1, position(float("nan"), float("inf"))),
}


def main():
    for old in HERE.glob("*_corpus/v_*"):
        old.unlink()
    for folder in ("values_corpus", "geometry_corpus"):
        (HERE / folder).mkdir(exist_ok=True)
    for number, (name, (kind, meta, value)) in enumerate(VALUES.items()):
        for dialect in range(3):
            head = bytes([dialect | number % 32 << 3, number, number, number, kind,
                          1 + number % 4 | number % 2 << 3])
            (HERE / "values_corpus" / f"v_{name}_{dialect}").write_bytes(
                head + struct.pack("<H", meta) + bytes.fromhex(value))
    for name, value in GEOMETRIES.items():
        for dialect in range(3):
            head = bytes([dialect, name in ("point", "nan")])
            (HERE / "geometry_corpus" / f"v_{name}_{dialect}").write_bytes(
                head + struct.pack("<I", 4326 * dialect) + value)


if __name__ == "__main__":
    main()
