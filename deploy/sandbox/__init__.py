"""Real MariaDB, MySQL, Kafka and ZooKeeper on loopback, for trying and testing.

Job: download, cache, configure and run unmodified servers as child processes of
the caller, each on free loopback ports, without installing any of them and
without a service manager. Used by tests/run, tests/integration and
deploy/quickstart, and by hand through deploy/sandbox/sandbox.

    from sandbox import Sandbox
    with Sandbox() as sb:
        db = sb.mariadb("10.11", options={"binlog_row_metadata": "FULL"})
        bus = sb.kafka()
        db.sql("CREATE DATABASE shop")
        print(db.port, bus.brokers)

What does not belong here: anything about mysql-replicator itself, except
quickstart.py, which is the one user of the sandbox that lives beside it.

Reading order: paths.py (where things are), host.py (what the machine must
have), debian.py and maven.py (where servers come from), process.py (a child
and its end), database.py with mariadb.py and mysql.py, kafka.py, zookeeper.py,
box.py (the Sandbox), cli.py. Only Python's standard library is used: this runs
before anything else could be installed.
"""

from .box import Sandbox, stop_on_signals
from .errors import SandboxError

__all__ = ["Sandbox", "SandboxError", "stop_on_signals"]
