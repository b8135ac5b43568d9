"""Captures what the real Maxwell writes: statements on real servers, read by Maxwell 1.22.6.

    deploy/sandbox/with-python tests/reference/maxwell/capture.py [SERVER …]

SERVER is one of SERVERS; without one all are captured. Needs Maven and a JDK (17); the archives
are those of deploy/sandbox/maven.lock, and stay in the sandbox's cache.

For each server: tables.sql is run, Maxwell is started with every output_… option that a row can
show and a producer of ours (Capture.java), then changes.sql. What it wrote for the database `ref`
goes to golden/SERVER.jsonl.gz, a message a line:

  {"key":…,"array":…,"value":…}

`key` and `array` are the key in both of Maxwell's formats. What differs from run to run is
replaced (normal() below), by the test in what mr-core writes, too.
"""

import argparse
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "deploy"))

from sandbox import Sandbox, maven, paths  # noqa: E402

GOLDEN = HERE / "golden"
SERVERS = ("mysql-5.7", "mysql-8.0")
DATABASE = "ref"
OPTIONS = ("output_binlog_position", "output_commit_info", "output_xoffset", "output_nulls",
           "output_server_id", "output_thread_id", "output_primary_keys",
           "output_primary_key_columns")

# What changes from run to run, as patterns of the JSON text, and what replaces it.
NORMAL = [
    (r'"ts":\d+', '"ts":0'),
    (r'"position":"[^"]*"', '"position":"F:0"'),
    (r'"server_id":\d+', '"server_id":1'),
    (r'"thread_id":\d+', '"thread_id":1'),
    (r'"_uuid":"[^"]*"', '"_uuid":"U"'),
]


def normal(lines: list[str]) -> list[str]:
    """Messages without what another run would have otherwise: transactions are numbered."""
    xids, out = {}, []
    for line in lines:
        for pattern, replacement in NORMAL:
            line = re.sub(pattern, replacement, line)
        out.append(re.sub(r'"xid":(\d+)',
                          lambda match: f'"xid":{xids.setdefault(match[1], len(xids))}', line))
    return out


def compiled(jars: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The classes of this folder."""
    classes = folder / "classes"
    classes.mkdir()
    subprocess.run(["javac", "-cp", f"{jars}/*", "-d", classes,
                    *[str(path) for path in HERE.rglob("*.java")]], check=True)
    return classes


def start(server, folder: pathlib.Path, log, output) -> subprocess.Popen:
    """Maxwell, from the server's position now."""
    jars = maven.fetch("maxwell-1.22.6")
    classes = compiled(jars, folder)
    file, position = server.position()
    (folder / "config.properties").write_text(
        "log_level=warn\nhost=127.0.0.1\n"
        f"port={server.port}\nuser=reference\npassword=reference\n"
        "custom_producer.factory=Capture\nreplica_server_id=6000\n"
        "jdbc_options=useSSL=false&allowPublicKeyRetrieval=true&serverTimezone=UTC\n" +
        "".join(f"{option}=true\n" for option in OPTIONS), encoding="ascii")
    return subprocess.Popen(
        ["java", "-Xmx600m", "-XX:+UseSerialGC", "-Duser.timezone=UTC", "-cp",
         f"{classes}:{jars}/*", "com.zendesk.maxwell.Maxwell",
         f"--config={folder}/config.properties", f"--init_position={file}:{position}:0"],
        stdin=subprocess.DEVNULL, stdout=output, stderr=log)


def read_until(path: pathlib.Path, mark: int, engine, say=None) -> list[str]:
    """Its lines once it has written the row of `mark` with this id."""
    wanted = re.compile(rf'"table":"mark".*"data":{{"id":{mark}}}')
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and engine.poll() is None:
        if say:
            say()
        lines = path.read_text(encoding="utf-8").splitlines()
        if any(wanted.search(line) for line in lines):
            return [line for line in lines if f'"database":"{DATABASE}"' in line]
        time.sleep(0.5)
    raise SystemExit("Maxwell did not write what was awaited")


def capture(sandbox, name: str, keep: pathlib.Path | None) -> None:
    """One server: golden/SERVER.jsonl.gz."""
    flavor, _, series = name.partition("-")
    server = getattr(sandbox, flavor)(series)
    server.create_repl_user("reference", "reference",
                            "mysql_native_password" if series == "8.0" else None, "ALL")
    server.sql(f"CREATE DATABASE {DATABASE}")
    server.sql((HERE / "tables.sql").read_text(encoding="utf-8"), DATABASE)
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or pathlib.Path(temporary)
        folder.mkdir(exist_ok=True)
        output = folder / "output"
        with open(folder / "log", "wb") as log, open(output, "wb") as out:
            engine = start(server, folder, log, out)
        try:
            read_until(output, 1, engine,
                       lambda: server.sql("INSERT INTO mark VALUES (1)", DATABASE))
            server.sql((HERE / "changes.sql").read_text(encoding="utf-8"), DATABASE)
            server.sql("INSERT INTO mark VALUES (2)", DATABASE)
            lines = read_until(output, 2, engine)
        finally:
            engine.kill()
            engine.wait()
    lines = normal([line for line in lines if '"table":"mark"' not in line])
    for line in lines:
        json.loads(line)
    GOLDEN.mkdir(exist_ok=True)
    with open(GOLDEN / f"{name}.jsonl.gz", "wb") as file, \
            gzip.GzipFile("", "wb", 9, file, 0) as packed:
        packed.write("".join(f"{line}\n" for line in lines).encode())
    print(f"{name}: {len(lines)} messages")
    sandbox.discard(server)


def main():
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("servers", nargs="*", choices=[*SERVERS, []], default=[])
    parser.add_argument("--keep", type=pathlib.Path, help="keep its files in this folder")
    given = parser.parse_args()
    with Sandbox(paths.default_state_dir("maxwell-reference")) as sandbox:
        for name in given.servers or SERVERS:
            capture(sandbox, name, given.keep)


if __name__ == "__main__":
    main()
