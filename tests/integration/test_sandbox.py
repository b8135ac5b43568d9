"""The sandbox itself: every server is the version it claims, logs rows, and survives us.

What fails here explains what fails elsewhere, so this file runs first to be read.
"""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from harness.waiting import wait_until

from sandbox import SandboxError, process

ALL_DATABASES = ("mariadb-10.11", "mariadb-11.8", "mysql-9.7", "mysql-8.0", "mysql-5.7")


@pytest.mark.sources(*ALL_DATABASES)
def test_version(source, source_name):
    """The server says the version its name promises."""
    family, series = source_name.split("-")
    version = source.version()
    assert version.startswith(series.split(".")[0] + "."), version
    assert ("MariaDB" in version) == (family == "mariadb")


def test_a_word_is_found_over_a_full_log(tmp_path):
    """A server's word counts also when the log reaches its limit and is begun anew meanwhile,
    and a former server's does not."""
    log = tmp_path / "log"
    log.write_bytes(b"earlier\n" + b"." * (process.LOG_LIMIT - 100))
    said = process.Process("echo", ["sh", "-c", "sleep 0.2; printf %0200d 0; echo ready; sleep 9"],
                           log)
    try:
        said.wait_for_log("ready", 5)
        assert (tmp_path / "log.1").exists()
        with pytest.raises(SandboxError, match="no 'earlier'"):
            said.wait_for_log("earlier", 0.1)
    finally:
        said.kill()


@pytest.mark.sources(*ALL_DATABASES)
def test_row_binlog_is_written(source, database):
    """A change moves the binlog's end and the GTID set, and is in the file on disk."""
    settings = dict(source.sql("SHOW GLOBAL VARIABLES WHERE Variable_name IN "
                               "('log_bin', 'binlog_format', 'binlog_row_image',"
                               " 'binlog_checksum')"))
    assert settings == {"log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL",
                        "binlog_checksum": "CRC32"}
    before, before_gtid = source.position(), source.gtid()
    source.sql(f"CREATE TABLE {database}.t (v VARBINARY(40));"
               f"INSERT INTO {database}.t VALUES ('a-value-to-find-in-the-log')")
    assert source.position() > before
    assert source.gtid() != before_gtid
    log = source.datadir / source.position()[0]
    wait_until(lambda: b"a-value-to-find-in-the-log" in log.read_bytes(), 5,
               "the row is in the binlog file")


@pytest.mark.sources(*ALL_DATABASES)
def test_replication_account_over_tcp(source):
    """The account that tests give to mr-core can log in over TCP and read the binlog's status."""
    with source.connect(user="repl", password="repl-password") as link, link.cursor() as cursor:
        cursor.execute(source._status_statement())
        assert cursor.fetchone()[0].startswith("binlog.")


@pytest.mark.sources("mysql-9.7", "mysql-8.0")
def test_mysql_default_account_is_caching_sha2(source):
    """MySQL's accounts are what mr-core must manage: caching_sha2_password."""
    assert source.sql("SELECT plugin FROM mysql.user WHERE user = 'repl'") == \
        [["caching_sha2_password"]]


@pytest.mark.parametrize("name", ["mariadb-10.11", "mysql-8.0", "mysql-9.7"])
def test_tls_own_and_off(new_server, name):
    """TLS by the sandbox's authority verifies for 127.0.0.1; off is off."""
    own = new_server(name, tls="own")
    with own.connect(user="repl", password="repl-password",
                     ssl={"ca": own.ca_path, "check_hostname": True}) as link, \
            link.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        assert cursor.fetchone()[1]
    off = new_server(name, tls="off")
    with socket.create_connection((off.host, off.port), timeout=5) as link:
        greeting = link.recv(4096)
    # Capability flags follow the protocol, the version string with its zero, the
    # connection id, and eight bytes of scramble with their zero; SSL is 0x0800.
    flags = greeting.index(b"\0", 5) + 1 + 4 + 8 + 1
    assert not greeting[flags + 1] & 0x08


def test_options_win_and_none_removes(new_server):
    """A caller's option is laid over the sandbox's; None takes a setting away."""
    server = new_server("mariadb-10.11", options={
        "binlog-row-metadata": "FULL", "binlog_checksum": "NONE", "log_bin": None})
    assert server.sql("SELECT @@binlog_row_metadata, @@binlog_checksum, @@log_bin") == \
        [["FULL", "NONE", "0"]]


@pytest.mark.parametrize("name", ["mariadb-10.11", "mysql-8.0", "mysql-9.7"])
def test_a_killed_server_comes_back_with_its_data(new_server, name):
    """kill -9 and start: same port, committed rows there, binlog goes on in a new file."""
    server = new_server(name)
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY);"
               "INSERT INTO d.t VALUES (1)")
    port, file = server.port, server.position()[0]
    server.kill()
    assert not server.alive
    server.start()
    assert server.port == port
    assert server.sql("SELECT a FROM d.t") == [["1"]]
    assert server.position()[0] > file


def test_a_paused_server_hangs_and_resumes(new_server):
    """SIGSTOP leaves connections open and silent; SIGCONT lets them go on."""
    server = new_server("mariadb-10.11")
    with server.connect(read_timeout=1) as link, link.cursor() as cursor:
        server.pause()
        with pytest.raises(Exception, match="timed out|Lost connection"):
            cursor.execute("SELECT 1")
        server.resume()
    assert server.sql("SELECT 1") == [["1"]]


def test_kafka_keeps_messages_over_a_restart(kafka, bus):
    """The broker takes messages, and has them after kill -9 and start on the same port."""
    import confluent_kafka
    bus.create_topic("sandbox.self", 2)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.brokers})
    for number in range(20):
        producer.produce("sandbox.self", key=str(number), value=b'{"n":%d}' % number)
    assert producer.flush(20) == 0
    brokers = kafka.brokers
    kafka.kill()
    kafka.start()
    assert kafka.brokers == brokers
    messages = bus.collect("sandbox.self", count=20)
    assert sorted(message.json["n"] for message in messages) == list(range(20))


def test_zookeeper_serves_and_elects(new_server):
    """An ensemble of three has one leader."""
    ensemble = new_server("zookeeper", n=3)
    modes = sorted(member.ask("srvr").partition("Mode: ")[2].split()[0]
                   for member in ensemble.members)
    assert modes == ["follower", "follower", "leader"]


CHILD = """
import sys, time
sys.path.insert(0, {deploy!r})
from sandbox import Sandbox, stop_on_signals
stop_on_signals()
with Sandbox({state!r}) as box:
    print(box.mariadb("10.11", start=True).pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_servers_end_with_their_owner(sandbox, number):
    """However the owning process ends, its servers end too."""
    deploy = str(__import__("pathlib").Path(__file__).resolve().parents[2] / "deploy")
    state = str(sandbox.state_dir.parent / f"o{os.getpid()}{int(number)}")
    with subprocess.Popen([sys.executable, "-c", CHILD.format(deploy=deploy, state=state)],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          start_new_session=True) as owner:
        words = (owner.stdout.readline().split() or [b""])
        while words and not words[-1].isdigit():  # "initialising …" comes first, once
            words = owner.stdout.readline().split()
        server = int(words[-1])
        os.kill(server, 0)
        owner.send_signal(number)
        owner.wait(120)  # a database that ends cleanly on a busy disk takes its time
        deadline = time.monotonic() + 10
        while _is_alive(server):
            assert time.monotonic() < deadline, "the server outlived its owner"
            time.sleep(0.05)
    subprocess.run(["rm", "-rf", state], check=True, timeout=30)


def _is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie that nobody reaps does not)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as handle:
            return handle.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
