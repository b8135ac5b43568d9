"""Captures what Canal writes: statements on real servers, read by the parts of Canal 1.1.7.

    deploy/sandbox/with-python tests/reference/canal/capture.py [SERVER …]

SERVER is one of SERVERS; without one all are captured. Needs Maven and a JDK (17); the archives
are those of deploy/sandbox/maven.lock, and stay in the sandbox's cache.

Canal's own server is not run: Capture.java drives its dump client, its LogEventConvert and its
MQMessageUtils.messageConverter, and prints the flat messages as its Kafka producer serializes
them. For each server: tables.sql of tests/reference/maxwell is run, Capture is started at the
position behind it, then changes.sql. golden/SERVER.jsonl.gz has a message a line. What differs
from run to run is replaced (normal() below), by the test in what mr-core writes, too.
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
STATEMENTS = HERE.parent / "maxwell"
sys.path.insert(0, str(HERE.parents[2] / "deploy"))

from sandbox import Sandbox, maven, paths  # noqa: E402

GOLDEN = HERE / "golden"
SERVERS = ("mysql-5.7", "mysql-8.0")
DATABASE = "ref"



def normal(lines: list[str]) -> list[str]:
    """Messages without what another run would have otherwise: es, id and ts."""
    return [re.sub(r'"(es|id|ts)":\d+,"(gtid|isDdl|type)":', r'"\1":0,"\2":', line)
            for line in lines]


def capture(sandbox, name: str, keep: pathlib.Path | None) -> None:
    """One server: golden/SERVER.jsonl.gz."""
    flavor, _, series = name.partition("-")
    server = getattr(sandbox, flavor)(series)
    server.create_repl_user("reference", "reference",
                            "mysql_native_password" if series == "8.0" else None, "ALL")
    server.sql(f"CREATE DATABASE {DATABASE}")
    server.sql((STATEMENTS / "tables.sql").read_text(encoding="utf-8"), DATABASE)
    file, position = server.position()
    server.sql((STATEMENTS / "changes.sql").read_text(encoding="utf-8"), DATABASE)
    server.sql("INSERT INTO mark VALUES (2)", DATABASE)
    jars = maven.fetch("canal-1.1.7")
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or pathlib.Path(temporary)
        folder.mkdir(exist_ok=True)
        output = folder / "output"
        subprocess.run(["javac", "-cp", f"{jars}/*", "-d", folder, str(HERE / "Capture.java")],
                       check=True)
        with open(folder / "log", "wb") as log, open(output, "wb") as out:
            engine = subprocess.Popen(
                ["java", "-Xmx600m", "-XX:+UseSerialGC", "-Duser.timezone=UTC", "-cp",
                 f"{folder}:{jars}/*", "Capture", "127.0.0.1", str(server.port), "reference",
                 "reference", file, str(position)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        deadline = time.monotonic() + 90
        lines = []
        while not any('"table":"mark"' in line for line in lines):
            if engine.poll() is not None or time.monotonic() > deadline:
                engine.kill()
                raise SystemExit("Canal did not write what was awaited")
            time.sleep(0.5)
            lines = output.read_text(encoding="utf-8").splitlines()
        engine.kill()
        engine.wait()
    lines = normal([line for line in lines
                    if line.startswith('{') and '"table":"mark"' not in line])
    GOLDEN.mkdir(exist_ok=True)
    with open(GOLDEN / f"{name}.jsonl.gz", "wb") as packed_file, \
            gzip.GzipFile("", "wb", 9, packed_file, 0) as packed:
        packed.write("".join(f"{line}\n" for line in lines).encode())
    print(f"{name}: {len(lines)} messages")
    sandbox.discard(server)


def main():
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("servers", nargs="*", choices=[*SERVERS, []], default=[])
    parser.add_argument("--keep", type=pathlib.Path, help="keep its files in this folder")
    given = parser.parse_args()
    with Sandbox(paths.default_state_dir("canal-reference")) as sandbox:
        for name in given.servers or SERVERS:
            capture(sandbox, name, given.keep)


if __name__ == "__main__":
    main()
