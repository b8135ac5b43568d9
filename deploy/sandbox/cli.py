"""The sandbox by hand: deploy/sandbox/sandbox up | down | status | fetch | clean."""

import argparse
import os
import shutil
import signal
import sys
import time

from . import box as boxes
from . import host, paths
from .box import Sandbox, stop_on_signals
from .errors import SandboxError

KINDS = ("mariadb-10.11", "mariadb-11.8", "mysql-9.7", "mysql-8.0", "mysql-5.7", "kafka",
         "zookeeper", "zookeeper-3")

# What a server needs on the host besides its own download.
NEEDS = {"mariadb": host.CLIENT_PACKAGES, "mysql": (*host.CLIENT_PACKAGES, *host.MAVEN_PACKAGES),
         "kafka": host.MAVEN_PACKAGES, "zookeeper": host.MAVEN_PACKAGES}

EPILOG = """servers: """ + " ".join(KINDS) + """
examples:
  sandbox up mariadb-10.11 kafka           start both, print addresses, stay until Ctrl-C
  sandbox up --name t1 mysql-9.7 -o binlog_row_metadata=FULL
  sandbox down --name t1                   stop the one named t1 from another terminal
  sandbox fetch all                        only download
  sandbox clean                            remove all downloads and data"""


def main(arguments=None) -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(
        prog="sandbox", description="Real MariaDB, MySQL, Kafka and ZooKeeper on loopback ports.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start servers and stay until Ctrl-C")
    up.add_argument("servers", nargs="+", choices=KINDS, metavar="SERVER")
    up.add_argument("-o", "--option", action="append", default=[], metavar="KEY=VALUE",
                    help="a setting of every database server started")
    up.add_argument("--tls", choices=("own", "off"), help="databases: own certificates, or no TLS")
    up.add_argument("--keep", action="store_true", help="keep data and logs at the end")
    down = commands.add_parser("down", help="stop what `up` of the same name started")
    for command in (up, down):
        command.add_argument("--name", default="hand", help="which sandbox (default: hand)")
    commands.add_parser("status", help="which sandboxes run, and the cache's size")
    fetch = commands.add_parser("fetch", help="download only")
    fetch.add_argument("servers", nargs="+", choices=("all", *KINDS), metavar="SERVER")
    commands.add_parser("clean", help="remove downloads, templates and data of all sandboxes")
    options = parser.parse_args(arguments)
    try:
        return globals()[f"_{options.command}"](options)
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _make(box: Sandbox, kind: str, start: bool, options=None, tls=None):
    """The server object of a word of KINDS."""
    family, _, series = kind.partition("-")
    if family == "mariadb":
        return box.mariadb(series, options=options, tls=tls, start=start)
    if family == "mysql":
        return box.mysql(series, options=options, tls=tls, start=start)
    if family == "kafka":
        return box.kafka(start=start)
    return box.zookeeper(int(series or 1), start=start)


def fetch_all(kinds, say=print) -> None:
    """Download the servers named by words of KINDS, with what they need on the host."""
    host.ensure_packages([package for kind in kinds for package in NEEDS[kind.split("-")[0]]], say)
    with Sandbox(say=say) as box:
        for kind in kinds:
            server = _make(box, kind, start=False)
            for each in getattr(server, "members", [server]):
                each.fetch()


def _fetch(options) -> int:
    kinds = [kind for kind in KINDS if kind != "zookeeper-3"] if "all" in options.servers \
        else options.servers
    began = time.monotonic()
    fetch_all(kinds)
    print(f"all there ({time.monotonic() - began:.1f} s)")
    return 0


def _up(options) -> int:
    settings = {}
    for word in options.option:
        key, separator, value = word.partition("=")
        if not separator:
            raise SandboxError(f"-o {word}: expected KEY=VALUE")
        settings[key] = value
    stop_on_signals()
    host.ensure_packages([package for kind in options.servers
                          for package in NEEDS[kind.split("-")[0]]])
    with Sandbox(paths.default_state_dir(options.name), keep=options.keep) as box:
        for kind in options.servers:
            began = time.monotonic()
            server = _make(box, kind, True, settings, options.tls)
            print(f"{kind}  {server.address}  version {server.version()}  "
                  f"({time.monotonic() - began:.1f} s)")
            if hasattr(server, "socket"):
                server.create_repl_user()
                print(f"  root:    mariadb --no-defaults -uroot -S {server.socket}")
                print("  replica: user repl, password repl-password"
                      + (f", CA {server.ca_path}" if server.ca_path else ""))
            for each in getattr(server, "members", [server]):
                print(f"  log:     {each.log_path}")
        print(f"running; Ctrl-C or `sandbox down --name {options.name}` stops all", flush=True)
        while all(server.alive for server in box.servers):
            time.sleep(0.5)
        for server in box.servers:
            if not server.alive:
                raise SandboxError(f"a server ended by itself; the end of its log:\n"
                                   f"{server.log_tail()}")
    return 0


def _down(options) -> int:
    folder = paths.default_state_dir(options.name)
    owner = boxes.owner(folder)
    if owner is None:
        print(f"no sandbox named {options.name} runs")
        return 0
    os.kill(owner, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while boxes.owner(folder) == owner:
        if time.monotonic() > deadline:
            raise SandboxError(f"process {owner} is still there after 60 s")
        time.sleep(0.1)
    return 0


def _running() -> dict[str, int]:
    folder = paths.cache_dir() / "run"
    found = {}
    for entry in sorted(folder.iterdir()) if folder.exists() else []:
        owner = boxes.owner(entry)
        if owner is not None:
            found[entry.name] = owner
    return found


def _status(_options) -> int:
    for name, owner in _running().items():
        print(f"{name}: process {owner}")
    size = sum(entry.lstat().st_blocks * 512 for entry in paths.cache_dir().rglob("*"))
    print(f"cache: {paths.cache_dir()}, {size / 2**20:.0f} MB")
    return 0


def _clean(_options) -> int:
    clean()
    return 0


def clean() -> None:
    """Remove the whole cache; refused while a sandbox runs in it."""
    running = _running()
    if running:
        raise SandboxError("still running: " + ", ".join(
            f"{name} (process {owner})" for name, owner in running.items()))
    shutil.rmtree(paths.cache_dir())
