#!/usr/bin/env python3
"""What a row costs from the binlog to the pipe, as ratios within one run.

    tests/bench/capture.py [--rows 1500000] [--runs 3] [--kafka] [--server mariadb-10.11]

Fills a table of eleven columns in transactions of 1,000 rows, and one more table in a
single transaction, then reads the same binlog in turn with
    raw      the client's own dump to files (mariadb-binlog --raw): the floor
    none     mr-core into pipe none: read, decode, encode, ledger
    big      mr-core into pipe none, the single transaction (read twice)
    kafka    mr-core into Kafka (with --kafka)
and prints seconds, CPU a row and memory of each, and the ratios of each run's pairs.
Nothing is asserted: figures of different machines do not compare.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy"))
from sandbox import Sandbox  # noqa: E402

COLUMNS = """id BIGINT PRIMARY KEY AUTO_INCREMENT, sku VARCHAR(32), name VARCHAR(120), qty INT,
 price DECIMAL(12,2), weight DOUBLE, active TINYINT, created DATETIME, updated TIMESTAMP NULL,
 category SMALLINT UNSIGNED, note VARCHAR(200)"""
# A tally table keeps the statement the same on both flavours.
SELECT = """SELECT CONCAT('SKU-', n), CONCAT('item number ', n, ' of the catalogue'), n % 1000,
 n * 1.07, n / 7, n % 2, '2026-01-01 10:00:00' + INTERVAL n SECOND,
 '2026-02-01 10:00:00' + INTERVAL n % 100000 SECOND, n % 500, REPEAT('x', n % 60)
 FROM bench.tally"""
INSERTED = "(sku, name, qty, price, weight, active, created, updated, category, note)"


def create_tables(server) -> None:
    """Empty ones."""
    server.sql(f"CREATE DATABASE bench; CREATE TABLE bench.item ({COLUMNS});"
               f"CREATE TABLE bench.big ({COLUMNS}); CREATE TABLE bench.tally (n INT PRIMARY KEY)")


def fill_items(server, rows: int) -> None:
    """Rows of bench.item, 1,000 a transaction; those of the tally before."""
    for first in range(0, rows, 10000):
        server.sql("INSERT INTO bench.tally VALUES " +
                   ",".join(f"({n})" for n in range(first + 1, min(first + 10000, rows) + 1)))
    for first in range(0, rows, 50000):
        server.sql(";".join(
            f"INSERT INTO bench.item {INSERTED} {SELECT} WHERE n > {n} AND n <= {n + 1000}"
            for n in range(first, min(first + 50000, rows), 1000)))


def fill(server, rows: int) -> dict:
    """The tables; where the changes of each begin and end."""
    create_tables(server)
    places = {"item": server.position()}
    fill_items(server, rows)
    places["big"] = server.position()
    server.sql(f"INSERT INTO bench.big {INSERTED} {SELECT}")
    places["end"] = server.position()
    return places


def measured(argv, folder) -> tuple:
    """Seconds, CPU seconds and peak bytes of a command."""
    began = time.monotonic()
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=log, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if status != 0:
        sys.exit(f"{argv[0]} failed:\n{(folder / 'log').read_text()[-2000:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def core(server, folder, table, start, until, pipe) -> tuple:
    """One run of mr-core; its own summary's figures."""
    document = {"version": 1, "name": f"bench_{time.monotonic_ns()}",
                "source": {"host": server.host, "port": server.port, "user": "repl",
                           "password": "repl-password",
                           "start": {"file": start[0], "pos": start[1]}},
                "tables": {"include": [f"bench.{table}"]},
                "pipe": {"delivery": "at_least_once", **pipe}}
    (folder / "task.json").write_text(json.dumps(document))
    binary = os.environ.get("MR_CORE") or ROOT / "build/release/core/mr-core"
    measured([str(binary), "--task", "task.json", "--standalone", "--until",
              f"{until[0]}:{until[1]}", "--summary", "summary.json"], folder)
    summary = json.loads((folder / "summary.json").read_text())
    return summary["seconds"], summary["cpu_seconds"], summary["peak_rss_bytes"], summary


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1500000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--server", default="mariadb-10.11")
    options = parser.parse_args()
    family, _, series = options.server.partition("-")
    with Sandbox() as box, tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        server = getattr(box, family)(series, options={"binlog_row_metadata": "FULL",
                                                       "max_binlog_size": "1G"})
        server.create_repl_user()
        began = time.monotonic()
        places = fill(server, options.rows)
        print(f"{options.server}, {options.rows:,} rows twice, "
              f"filled in {time.monotonic() - began:.0f} s", flush=True)
        raw = ["mariadb-binlog", "--no-defaults", "--read-from-remote-server", "--raw",
               f"--host={server.host}", f"--port={server.port}", "--user=repl",
               "--password=repl-password", f"--result-file={folder}/raw-",
               f"--start-position={places['item'][1]}", places["item"][0]]
        cases = {
            "raw": lambda: measured(raw, folder),
            "none": lambda: core(server, folder, "item", places["item"], places["big"],
                                 {"type": "none"}),
            "big": lambda: core(server, folder, "big", places["big"], places["end"],
                                {"type": "none"}),
        }
        if options.kafka:
            kafka = box.kafka()
            cases["kafka"] = lambda: core(server, folder, "item", places["item"], places["big"],
                                          {"type": "kafka", "brokers": kafka.brokers})
        figures = {name: [] for name in cases}
        for _ in range(options.runs):
            for name, run in cases.items():
                figures[name].append(run())
        for name, runs in figures.items():
            seconds = statistics.median(run[0] for run in runs)
            cpu = statistics.median(run[1] for run in runs)
            peak = max(run[2] for run in runs)
            line = (f"{name:6} {seconds:7.2f} s  {options.rows / seconds / 1e6:5.2f}M rows/s  "
                    f"{cpu / options.rows * 1e6:5.2f} us CPU a row  {peak / 2**20:6.1f} MB peak")
            if name != "raw":
                ratios = [run[1] / floor[1] for run, floor in zip(runs, figures["raw"])]
                line += f"  CPU x{statistics.median(ratios):.2f} of raw"
                assert runs[0][3]["rows"] == options.rows, "rows went missing"
            print(line, flush=True)


if __name__ == "__main__":
    main()
