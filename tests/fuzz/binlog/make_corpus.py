"""Makes the fuzz targets' starting inputs from the captured vectors: run after capture.py.

    python3 tests/fuzz/binlog/make_corpus.py

Rewrites corpus/*/v_*; inputs under other names (found by fuzzing) stay.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parents[1] / "vectors" / "binlog"
TABLE_MAP = 19
ROWS = {23: 0, 24: 1, 25: 2, 30: 3, 31: 4, 32: 5, 39: 6}  # type to rows_fuzz.c's number
STREAMS = ["transactions", "undone", "xa_rollback", "ddl", "ctas", "restarted", "rotations",
           "heartbeats", "heartbeats_v1", "tagged", "anonymous", "two_phase_alter",
           "statement_intvar", "statement_load", "compressed", "compressed_query"]
VERSION = {"mysql-5.7": 0, "mysql-8.0": 1, "mysql-9.7": 3}
LIMIT = 4096


def events(path):
    data = path.read_bytes()
    while data:
        size, = struct.unpack_from("<I", data, 9)
        yield data[:size]
        data = data[size:]


def body(event):
    return event[19:-4]


def put(kind, name, data):
    if len(data) <= LIMIT:
        folder = HERE / "corpus" / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"v_{name}").write_bytes(data)


def streams(server, maria):
    for scenario in STREAMS:
        path = server / f"{scenario}.dump"
        if path.exists():
            put("stream", f"{server.name}_{scenario}", bytes([2 | maria]) + path.read_bytes())


def tables(server, maria):
    """Each table's map, and its first rows event."""
    seen = set()
    table_map, name = b"", ""
    for scenario in ("types_full", "types_minimal", "functional", "versioned", "charsets",
                     "compressed_columns", "old_temporals", "image_full", "image_minimal",
                     "partial_json"):
        path = server / f"{scenario}.dump"
        for event in events(path) if path.exists() else ():
            if event[4] == TABLE_MAP:
                table_map = body(event)
                schema_len = table_map[8]
                name = table_map[11 + schema_len:][:table_map[10 + schema_len]].decode()
                how = maria | VERSION.get(server.name, 0) << 1
                if (scenario, name) not in seen:
                    put("table_map", f"{server.name}_{scenario}_{name}", bytes([how]) + table_map)
            elif event[4] in ROWS and (scenario, name, event[4]) not in seen:
                seen |= {(scenario, name), (scenario, name, event[4])}
                head = struct.pack("<BBH", maria, ROWS[event[4]], len(table_map))
                put("rows", f"{server.name}_{scenario}_{name}_{event[4]}",
                    head + table_map + body(event))


def documents(server):
    """The JSON values of `docs (id int, j json, after_ int)`: one row an event."""
    path = server / "types_json.dump"
    for event in events(path) if path.exists() else ():
        if event[4] not in ROWS:
            continue
        row = body(event)[12:]  # id, flags, extra length, columns, bitmap
        number, = struct.unpack_from("<I", row, 1)
        if not row[0] & 2:
            size, = struct.unpack_from("<I", row, 5)
            put("json", f"{server.name}_{number}", row[9:9 + size])


def patches():
    """A document {"a": "aaa", "bb": [1, 2]} and diffs of each operation."""
    array = struct.pack("<HHBHBH", 2, 10, 5, 1, 5, 2)
    values = 4 + 2 * 4 + 2 * 3
    text = values + 3
    document = struct.pack("<BHHHHHHBHBH", 0, 2, text + 4 + len(array), values, 1, values + 1, 2,
                           0x0c, text, 2, text + 4) + b"abb\x03aaa" + array
    value = b"\x0c\x01v"
    diffs = {"replace": (0, b"$.a"), "insert": (1, b"$.bb[1]"), "member": (1, b'$."c d"'),
             "remove": (2, b"$.bb[0]")}
    for name, (op, path) in diffs.items():
        diff = bytes([op, len(path)]) + path + (bytes([len(value)]) + value if op < 2 else b"")
        put("json_patch", name, struct.pack("<H", len(document)) + document + diff)


def main():
    for old in HERE.glob("corpus/*/v_*"):
        old.unlink()
    patches()
    for server in sorted(VECTORS.iterdir()):
        if server.is_dir():
            maria = int(server.name.startswith("mariadb"))
            streams(server, maria)
            if server.name in ("mariadb-10.11", "mysql-8.0", "mysql-9.7"):
                tables(server, maria)
            if server.name == "mysql-9.7":
                documents(server)


if __name__ == "__main__":
    main()
