"""Captures the binlog vectors: runs statements on real servers, and keeps what their dump sends.

    deploy/sandbox/with-python tests/vectors/capture.py [SERVER[/SCENARIO] …]

needs pymysql (tests/integration/requirements.txt). Without arguments everything is
captured again. For each server and scenario, in binlog/SERVER/:

  SCENARIO.dump    the events that COM_BINLOG_DUMP sent, one after another, without the
                   OK byte of each packet (an event knows its own length)
  SCENARIO.expect  for scenarios with tables: what the server itself says of them, as
                   lines of tab-separated fields:
                     T  schema  table
                     C  name  data type  column type  YES or NO (nullable)  character set or ~
                     K  names of the primary key's columns, or nothing
                     R  values of one row in column order, as values() writes them

and binlog/collations.txt: id and character set of every collation of all servers.
"""

import pathlib
import struct
import sys
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "deploy"))

import pymysql  # noqa: E402
from sandbox import Sandbox  # noqa: E402
from scenarios import ANNOTATE, SCENARIOS  # noqa: E402

COM_BINLOG_DUMP = 0x12
COM_BINLOG_DUMP_GTID = 0x1E
NON_BLOCK = 1  # dump flag: the end instead of waiting

SERVERS = {
    "mariadb-10.11": ("mariadb", "10.11"),
    "mariadb-11.8": ("mariadb", "11.8"),
    "mysql-5.7": ("mysql", "5.7"),
    "mysql-8.0": ("mysql", "8.0"),
    "mysql-9.7": ("mysql", "9.7"),
}


def encoded_set(text):
    """MySQL's set as COM_BINLOG_DUMP_GTID wants it; intervals under tags are left out, so that
    the server sends their transactions again."""
    entries = []
    for part in text.split(","):
        name, *intervals = part.strip().split(":")
        spans = []
        for interval in intervals:
            if not interval[0].isdigit():
                break
            first, _, last = interval.partition("-")
            spans.append((int(first), int(last or first) + 1))
        entries.append(uuid.UUID(name).bytes + struct.pack("<Q", len(spans)) +
                       b"".join(struct.pack("<QQ", *span) for span in spans))
    return struct.pack("<Q", len(entries)) + b"".join(entries)


class Source:
    """One server, and the file that its current scenario began with."""

    def __init__(self, name, server):
        self.name = name
        self.server = server
        self.maria = name.startswith("mariadb")
        self.series = name.split("-")[1]
        self.main = self.connect()

    def connect(self):
        c = pymysql.connect(unix_socket=self.server.socket, user="root", autocommit=True)
        for statement in ("SET SESSION sql_mode='NO_ENGINE_SUBSTITUTION'",
                          "SET time_zone='+00:00'"):
            c.cursor().execute(statement)
        return c

    def sql(self, statement, connection=None):
        cursor = (connection or self.main).cursor()
        cursor.execute(statement)
        return cursor.fetchall()

    def head(self):
        """File and position of the end of the binlog."""
        new = self.name == "mysql-9.7"
        row = self.sql("SHOW BINARY LOG STATUS" if new else "SHOW MASTER STATUS")[0]
        return row[0], row[1]

    def fresh(self):
        """An empty database v, and a binlog file that begins behind its creation."""
        self.main.close()
        self.main = self.connect()
        self.sql("DROP DATABASE IF EXISTS v")
        self.sql("CREATE DATABASE v CHARACTER SET utf8mb4")
        self.sql("USE v")

    def dump(self, file, pos=4, flags=None, ask=True, heartbeat=0, count=0):
        """Events from there to the end, or `count` events when it is given."""
        c = self.connect()
        if ask:
            self.sql("SET @master_binlog_checksum='CRC32', @source_binlog_checksum='CRC32'", c)
        if self.maria:
            self.sql("SET @mariadb_slave_capability=4", c)
        if heartbeat:
            self.sql(f"SET @master_heartbeat_period={heartbeat}, "
                     f"@source_heartbeat_period={heartbeat}", c)
        if flags is None:
            flags = ANNOTATE if self.maria else 0
        if not count:
            flags |= NON_BLOCK
        c._execute_command(COM_BINLOG_DUMP, struct.pack("<IHI", pos, flags, 99) + file.encode())
        return self.received(c, count)

    def received(self, c, count=0):
        events = []
        while not count or len(events) < count:
            packet = c._read_packet()._data
            if packet[0] == 0xFE and len(packet) < 9:
                break
            assert packet[0] == 0, packet[:40]
            events.append(bytes(packet[1:]))
        c._force_close()
        return events

    def executed(self):
        """The GTID set so far, in the form that dump_gtid() takes."""
        if self.maria:
            return self.sql("SELECT @@gtid_binlog_pos")[0][0]
        return self.sql("SELECT @@GLOBAL.gtid_executed")[0][0].replace("\n", "")

    def dump_gtid(self, executed):
        """Events behind that set."""
        c = self.connect()
        self.sql("SET @master_binlog_checksum='CRC32', @source_binlog_checksum='CRC32'", c)
        if self.maria:
            self.sql("SET @mariadb_slave_capability=4", c)
            self.sql(f"SET @slave_connect_state='{executed}'", c)
            c._execute_command(COM_BINLOG_DUMP, struct.pack("<IHI", 4, NON_BLOCK | ANNOTATE, 99))
        else:
            body = encoded_set(executed)
            c._execute_command(COM_BINLOG_DUMP_GTID, struct.pack(
                "<HIIQI", NON_BLOCK, 99, 0, 4, len(body)) + body)
        return self.received(c)

    def restart(self):
        self.main.close()
        self.server.restart()
        self.main = self.connect()


# What the server says of its tables.

def plain_json(text):
    """JSON text without the spaces that MySQL puts behind ',' and ':'."""
    out, quoted, i = [], False, 0
    while i < len(text):
        ch = text[i]
        if quoted and ch == "\\":
            out.append(text[i:i + 2])
            i += 2
            continue
        if ch == '"':
            quoted = not quoted
        if not (ch == " " and not quoted):
            out.append(ch)
        i += 1
    return "".join(out)


def value_expression(column, data_type):
    c = f"`{column}`"
    if data_type in ("float", "double"):
        return f"{c}+0e0"
    if data_type in ("enum", "set", "bit", "year"):
        return f"CAST({c} AS UNSIGNED)"
    if data_type == "json":
        return f"CONVERT({c} USING utf8mb4)"
    if data_type in ("uuid", "inet4", "inet6"):
        return f"HEX(CAST({c} AS BINARY))"
    if any(t in data_type for t in ("char", "text", "binary", "blob")) or data_type in (
            "vector", "point", "geometry"):
        return f"HEX({c})"
    return f"CAST({c} AS CHAR)"


def values(source, table, columns):
    """Rows in the order of `id`: numbers and times as text, strings in hexadecimal, floats as
    the shortest text of the double they are, JSON as its compact text, NULL as ~."""
    expressions = ", ".join(value_expression(n, t) for n, t, *_ in columns)
    for row in source.sql(f"SELECT {expressions} FROM v.`{table}` ORDER BY id"):
        out = []
        for value, (_, data_type, *_) in zip(row, columns):
            if value is None:
                out.append("~")
            elif data_type == "json":
                out.append(plain_json(value))
            elif isinstance(value, float):
                out.append(repr(value))
            else:
                out.append(str(value))
        yield out


def expectation(source, tables):
    lines = []
    for table in tables:
        columns = source.sql(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME "
            f"FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='v' AND TABLE_NAME='{table}' "
            "ORDER BY ORDINAL_POSITION")
        key = source.sql(
            "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA='v' AND "
            f"TABLE_NAME='{table}' AND INDEX_NAME='PRIMARY' ORDER BY SEQ_IN_INDEX")
        lines.append(["T", "v", table])
        for name, data_type, column_type, nullable, charset in columns:
            if isinstance(column_type, bytes):
                column_type = column_type.decode()
            if isinstance(data_type, bytes):
                data_type = data_type.decode()
            lines.append(["C", name, data_type, column_type, nullable, charset or "~"])
        lines.append(["K", *(name for (name,) in key)])
        columns = [(c[0], c[1].decode() if isinstance(c[1], bytes) else c[1]) for c in columns]
        lines += [["R", *row] for row in values(source, table, columns)]
    return "".join("\t".join(line) + "\n" for line in lines)


def collations(source):
    table = "COLLATION_CHARACTER_SET_APPLICABILITY" if source.maria else "COLLATIONS"
    return {(int(i), cs.replace("utf8mb3", "utf8")) for i, cs in source.sql(
        f"SELECT ID, CHARACTER_SET_NAME FROM information_schema.{table} WHERE ID IS NOT NULL")}


def capture(source, wanted):
    folder = HERE / "binlog" / source.name
    folder.mkdir(parents=True, exist_ok=True)
    for scenario in SCENARIOS:
        name = scenario.__name__
        if wanted and source.name not in wanted and f"{source.name}/{name}" not in wanted:
            continue
        source.fresh()
        result = scenario(source)
        if result is None:
            continue
        events, tables = result if isinstance(result, tuple) else (result, [])
        (folder / f"{name}.dump").write_bytes(b"".join(events))
        if tables:
            (folder / f"{name}.expect").write_text(expectation(source, tables))
        print(f"{source.name}/{name}: {len(events)} events, {sum(map(len, events))} bytes")


def main():
    wanted = set(sys.argv[1:])
    known = set()
    with Sandbox() as sandbox:
        for name, (flavor, series) in SERVERS.items():
            if wanted and not any(w.split("/")[0] == name for w in wanted):
                continue
            options = {"innodb_flush_log_at_trx_commit": "1"}
            if flavor == "mysql":
                options |= {"gtid_mode": "ON", "enforce_gtid_consistency": "ON",
                            "secure_file_priv": ""}
            server = getattr(sandbox, flavor)(series, options=options)
            source = Source(name, server)
            capture(source, wanted)
            known |= collations(source)
            sandbox.discard(server)
    if not wanted:
        (HERE / "binlog" / "collations.txt").write_text(
            "".join(f"{i}\t{cs}\n" for i, cs in sorted(known)))


if __name__ == "__main__":
    main()
