"""Captures what the real Debezium writes: statements on real servers, read by its connectors.

    deploy/sandbox/with-python tests/reference/debezium/capture.py [SERVER …]
    deploy/sandbox/with-python tests/reference/debezium/capture.py --properties

SERVER is one of SERVERS below; without one all are captured. Needs Maven and a JDK (17); the
archives are those of deploy/sandbox/maven.lock, and stay in the sandbox's cache.

For each server: tables.sql is run, Debezium's connector is started once for each set of options
in options.json (snapshot.mode=no_data: it reads definitions, and changes from now on), then
changes.sql. What they wrote goes to golden/SERVER.jsonl.gz and golden/schemas.json.gz:

  {"options":NAME,"topic":…,"key":…,"value":…,"headers":{…},"key_schema":N,"value_schema":N}

key, value and headers are texts, value and key as with schemas disabled: the payload of what was
captured, whose schemas are the Nth of schemas.json (most rows share theirs). Payload and schema
are cut out of the text, not written again: the bytes between are Debezium's own.

What differs from run to run is replaced (normal() below), by the tests in what mr-core writes,
too: times of reading and of commits, the binlog's file and positions, thread ids, GTIDs, server
ids and Debezium's version.
"""

import argparse
import gzip
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "deploy"))

from sandbox import Sandbox, maven, paths  # noqa: E402

GOLDEN = HERE / "golden"
CONNECTORS = {
    "mysql": ("debezium-mysql-3.6.1", "io.debezium.connector.mysql.MySqlConnector"),
    "mariadb": ("debezium-mariadb-3.5.0", "io.debezium.connector.mariadb.MariaDbConnector"),
}
SERVERS = ("mysql-9.7", "mysql-8.0", "mariadb-10.11", "mariadb-11.8")
PREFIX = "p"
DATABASE = "ref"


def statements(name: str, server: str) -> str:
    """The parts of a file that are for a server."""
    wanted, chosen = True, []
    for line in (HERE / name).read_text(encoding="utf-8").splitlines(keepends=True):
        part = re.fullmatch(r"-- \[(.*)\]\n?", line)
        if part:
            wanted = not {"all", server, server.partition("-")[0]}.isdisjoint(part[1].split())
        elif wanted:
            chosen.append(line)
    return "".join(chosen)


def options(server: str) -> dict:
    """The sets of options that are captured of a server: name -> Debezium's properties."""
    with open(HERE / "options.json", encoding="ascii") as file:
        return {name: given["debezium"] for name, given in json.load(file).items()
                if server in given.get("servers", SERVERS)}


# What changes from run to run, as patterns of the JSON text, and what replaces it.
NORMAL = [
    (r'"version":"[^"]*","connector"', '"version":"V","connector"'),
    (r'"(ts_ms|ts_us|ts_ns)":-?\d+', r'"\1":0'),
    (r'"server_id":\d+', '"server_id":1'),
    (r'"gtid":"[^"]*"', '"gtid":"G"'),
    (r'"file":"[^"]*","pos":\d+', '"file":"F","pos":0'),
    (r'"thread":\d+', '"thread":1'),
]


def normal(text: str) -> str:
    """A message's value without what another run would have otherwise."""
    for pattern, replacement in NORMAL:
        text = re.sub(pattern, replacement, text)
    return text


def split(text: str | None) -> tuple[str | None, str | None]:
    """(schema, payload) of {"schema":…,"payload":…}, both as their text."""
    if text is None:
        return None, None
    head = '{"schema":'
    assert text.startswith(head), text[:80]
    _, end = json.JSONDecoder().raw_decode(text, len(head))
    assert text.startswith(',"payload":', end), text[end:end + 40]
    return text[len(head):end], text[end + len(',"payload":'):-1]


def number_of(schemas: list, schema: str | None) -> int | None:
    """The place of a schema in the list, which is appended to when it is new."""
    if schema is None:
        return None
    if schema not in schemas:
        schemas.append(schema)
    return schemas.index(schema)


def write_gzip(path: pathlib.Path, text: str) -> None:
    """Without a time in it: the same content is the same file."""
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed:
        packed.write(text.encode())


def start_engines(server, name: str, folder: pathlib.Path) -> subprocess.Popen:
    """Debezium, once for each set of options."""
    section, connector = CONNECTORS[server.flavor]
    jars = maven.fetch(section)
    for number, (variant, given) in enumerate(options(name).items()):
        properties = {
            "topic.prefix": PREFIX, "database.hostname": "127.0.0.1",
            "database.port": server.port, "database.user": "reference",
            "database.password": "reference", "database.server.id": 5000 + number,
            "snapshot.mode": "no_data", "include.schema.changes": "false",
            "database.include.list": DATABASE, "poll.interval.ms": 50,
            "schema.history.internal": "io.debezium.storage.file.history.FileSchemaHistory",
            "schema.history.internal.file.filename": folder / f"{variant}.history",
            "offset.storage": "org.apache.kafka.connect.storage.MemoryOffsetBackingStore",
            # Several in one process, each with its own beans.
            "custom.metric.tags": f"variant={variant}", **given}
        if server.flavor == "mariadb":
            properties.setdefault("database.ssl.mode", "disable")
        (folder / f"{variant}.properties").write_text(
            "".join(f"{key}={value}\n" for key, value in properties.items()), encoding="ascii")
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            ["java", "-Xmx1500m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
             "-cp", f"{jars}/*", str(HERE / "Capture.java"), connector, str(folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)


def wait_ready(server, engines, wanted: int) -> None:
    """Marks are inserted until every engine has seen one."""
    seen, number, deadline = 0, 1, time.monotonic() + 240
    import os
    os.set_blocking(engines.stdout.fileno(), False)
    while seen < wanted:
        if engines.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("Debezium did not start")
        server.sql(f"INSERT INTO {DATABASE}.mark VALUES ({number})")
        number += 1
        time.sleep(1)
        for line in iter(engines.stdout.readline, ""):
            print(" ", line.rstrip())
            seen += line.startswith("READY")
            if line.startswith(("FAILED", "END")):
                raise SystemExit("Debezium failed")
    os.set_blocking(engines.stdout.fileno(), True)


def capture(sandbox, name: str, schemas: list, keep: pathlib.Path | None) -> None:
    """One server: golden/SERVER.jsonl.gz."""
    flavor, _, series = name.partition("-")
    server = getattr(sandbox, flavor)(series)
    server.create_repl_user(
        "reference", "reference", "mysql_native_password" if series == "8.0" else None,
        "SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT, LOCK TABLES")
    server.sql(f"CREATE DATABASE {DATABASE}")
    server.sql(statements("tables.sql", name), DATABASE)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        engines = start_engines(server, name, folder)
        try:
            wait_ready(server, engines, len(options(name)))
            server.sql("INSERT INTO mark VALUES (0)", DATABASE)
            server.sql(statements("changes.sql", name), DATABASE)
            server.sql("INSERT INTO mark VALUES (-1)", DATABASE)
            for line in engines.stdout:
                print(" ", line.rstrip())
            engines.wait(60)
        finally:
            engines.kill()
            if keep:
                shutil.copytree(folder, keep / name, dirs_exist_ok=True)
        lines = []
        for variant in options(name):
            lines += normalised(folder / f"{variant}.jsonl", variant, schemas)
    write_gzip(GOLDEN / f"{name}.jsonl.gz", "".join(lines))
    print(f"{name}: {len(lines)} messages")
    sandbox.discard(server)


def normalised(path: pathlib.Path, variant: str, schemas: list):
    """The lines of one engine's messages, as they are kept."""
    gtids, lines = {}, []

    def named(match):
        """Transactions are told from each other by their order, not by their GTIDs."""
        return f'"id":"{gtids.setdefault(match[1], f"G{len(gtids)}")}"'

    for line in path.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        kept = {"options": variant, "topic": message["topic"]}
        for part in ("key", "value"):
            schema, payload = split(message[part])
            kept[part] = payload and re.sub(r'"id":"((?:[0-9a-f-]{36}:|\d+-\d+-)\d+)"', named,
                                            normal(payload))
            kept[f"{part}_schema"] = number_of(schemas, schema)
        kept["headers"] = {key: value for key, value in message["headers"].items()
                           if not key.startswith("__debezium.context")}
        lines.append(json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n")
    return lines


def main():
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("servers", nargs="*", choices=[*SERVERS, []], default=[])
    parser.add_argument("--properties", action="store_true",
                        help="print the names of all the connectors' properties")
    parser.add_argument("--keep", type=pathlib.Path, help="keep what was captured here, as it was")
    given = parser.parse_args()
    if given.properties:
        for section, connector in CONNECTORS.values():
            print(f"# {connector}", flush=True)
            subprocess.run(["java", "-cp", f"{maven.fetch(section)}/*", str(HERE / "Capture.java"),
                            connector, "--properties"], check=True)
        return
    GOLDEN.mkdir(exist_ok=True)
    schemas = []
    old = GOLDEN / "schemas.json.gz"
    if given.servers and old.exists():
        schemas = gzip.decompress(old.read_bytes()).decode().splitlines()
    with Sandbox(paths.default_state_dir("debezium-reference")) as sandbox:
        for name in given.servers or SERVERS:
            capture(sandbox, name, schemas, given.keep)
    write_gzip(GOLDEN / "schemas.json.gz", "".join(f"{schema}\n" for schema in schemas))


if __name__ == "__main__":
    main()
