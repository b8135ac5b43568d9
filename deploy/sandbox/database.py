"""What MariaDB and MySQL have in common: a mysqld, its settings and its life.

A subclass (mariadb.py, mysql.py) says where the programs are, how a data
folder is made, and which settings differ. Data folders are initialised once a
version, kept in the cache as templates, and copied for each server.

Settings come in three layers, the later one winning: BASE here, the flavour's,
and the caller's options. In options, None takes a setting away, True and False
are ON and OFF, dashes and underscores are the same.

root@localhost has no password and can come in through the unix socket only
(host names are not resolved, so 127.0.0.1 is not localhost). The socket's
folder is closed to all but the server's user and root.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess

from . import paths, process
from .errors import SandboxError

# Small, quick, and not caring for a power cut. A kill -9 of the server loses
# nothing with these: the kernel has the pages.
BASE = {
    "bind_address": "127.0.0.1",
    "skip_name_resolve": "ON",
    "character_set_server": "utf8mb4",
    "log_bin": "binlog",
    "binlog_format": "ROW",
    "sync_binlog": "0",
    "innodb_flush_log_at_trx_commit": "2",
    "innodb_buffer_pool_size": "64M",
    # Native AIO needs kernel slots (fs.aio-max-nr) that containers run out of.
    "innodb_use_native_aio": "OFF",
    "table_open_cache": "400",
    "table_definition_cache": "400",
    "max_connections": "100",
    "back_log": "50",
}

# Settings that a data folder is born with: they choose the template too.
BORN_WITH = ("innodb_page_size", "innodb_data_file_path", "innodb_undo_tablespaces",
             "lower_case_table_names", "innodb_checksum_algorithm")

SOCKET_PATH_LIMIT = 107  # sun_path, less its final zero


class DatabaseServer:
    """One MariaDB or MySQL server: start, bother, ask, stop."""

    flavor = ""

    def __init__(self, name, series, folder, port, server_id, *, options=None, tls=None,
                 authority=None, say=print):
        """`tls` is None (as the server comes), "own" (a certificate for localhost
        and 127.0.0.1 signed by the sandbox's authority) or "off"."""
        if tls not in (None, "own", "off"):
            raise SandboxError(f"tls is {tls!r}: it is None, 'own' or 'off'")
        self.name = name
        self.series = series
        self.folder = pathlib.Path(folder)
        self.host = "127.0.0.1"
        self.port = port
        self.server_id = server_id
        self.datadir = self.folder / "data"
        self.log_path = self.folder / "log"
        self.config_path = self.folder / "my.cnf"
        self.socket = str(self.folder / "s")
        if len(self.socket) > SOCKET_PATH_LIMIT:
            raise SandboxError(f"the unix socket's path {self.socket} is over {SOCKET_PATH_LIMIT} "
                               "bytes: name a shorter folder in MR_SANDBOX_CACHE")
        self.options = normalised(options or {})
        self.tls = tls
        self.ca_path = None
        self._authority = authority
        self._say = say
        self._process = None

    # What a flavour says of itself.

    def fetch(self) -> None:
        """Download the server if need be, and learn where its programs are."""
        raise NotImplementedError

    def version(self) -> str:
        """The version found, as the server would say it."""
        return self.sql("SELECT VERSION()")[0][0]

    def _argv(self) -> list[str]:
        """The words that run mysqld, without settings."""
        raise NotImplementedError

    def _place_settings(self) -> dict:
        """Settings that say where the server's own files are."""
        raise NotImplementedError

    def _flavor_settings(self) -> dict:
        """Settings of the flavour and series."""
        raise NotImplementedError

    def _initialise(self, datadir, born_with, log_path) -> None:
        """Make a data folder with system tables and root@localhost."""
        raise NotImplementedError

    def _template_version(self) -> str:
        """What tells one build of the server from another."""
        raise NotImplementedError

    def _tls_off_settings(self) -> dict:
        raise NotImplementedError

    # Life.

    def start(self, timeout: float = 90.0):
        """Start (again), and wait until it takes connections. Returns self."""
        if self.alive:
            raise SandboxError(f"{self.name} runs already")
        self.fetch()
        self._make_folder()
        self._write_config()
        self._process = process.Process(
            self.name, [*self._argv(), f"--defaults-file={self.config_path}"], self.log_path,
            account=paths.server_account())
        # Its own word rather than a trial connection, which the server would count
        # and log as one that was broken off.
        self._process.wait_for_log("ready for connections", timeout)
        return self

    def stop(self, timeout: float = 60.0) -> None:
        """SIGTERM and wait. Data stays, start() begins again with it."""
        if self._process:
            self._process.stop(timeout)

    def kill(self) -> None:
        """SIGKILL. Data stays."""
        if self._process:
            self._process.kill()

    def restart(self, options=None) -> None:
        """Stop and start, with other options laid over the former ones."""
        self.stop()
        self.options.update(normalised(options or {}))
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self._process.resume()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def log_tail(self, lines: int = 20) -> str:
        """The end of the server's log."""
        return process.tail(self.log_path, lines)

    @property
    def address(self) -> str:
        """host:port"""
        return f"{self.host}:{self.port}"

    # Asking it.

    def sql(self, statements: str, database: str = "", timeout: float = 120.0) -> list[list]:
        """Run statements as root through the command-line client; rows of text, NULL as None.

        For set-up without Python packages (and up to a few thousand rows); tests
        that need types, transactions or several connections use connect().
        """
        client = shutil.which("mariadb") or shutil.which("mysql")
        if client is None:
            raise SandboxError("there is no mariadb client: apt-get install mariadb-client")
        words = [client, "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch",
                 "--skip-column-names", "--default-character-set=utf8mb4", "--binary-mode"]
        if database:
            words.append(f"--database={database}")
        try:
            done = subprocess.run(words, input=statements.encode(), capture_output=True,
                                  timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise SandboxError(f"{self.name} has not answered for {timeout:.0f} s: "
                               f"{statements[:200]}") from None
        if done.returncode != 0:
            raise SandboxError(f"{self.name}: {done.stderr.decode(errors='replace').strip()}\n"
                               f"in: {statements[:500]}")
        return [[_unescaped(field) for field in line.split("\t")]
                for line in done.stdout.decode().split("\n")[:-1]]

    def connect(self, **keywords):
        """A PyMySQL connection: root through the socket unless `user` says otherwise.

        With a user it goes over TCP. autocommit is on.
        """
        import pymysql  # only tests have it; the sandbox itself does without
        settings = {"charset": "utf8mb4", "autocommit": True, "connect_timeout": 10,
                    "read_timeout": 300, "write_timeout": 300}
        if "user" in keywords:
            settings.update(host=self.host, port=self.port)
        else:
            settings.update(user="root", unix_socket=self.socket)
        settings.update(keywords)
        return pymysql.connect(**settings)

    def create_repl_user(self, name: str = "repl", password: str = "repl-password",
                         plugin: str | None = None, grants: str | None = None,
                         require: str = "") -> None:
        """An account a replicator logs in with, replacing one of that name.

        `plugin` is an authentication plugin, None the server's default; `grants`
        what it may on *.*; `require` for example "SSL".
        """
        quoted = f"'{name}'@'%'"
        grants = grants if grants is not None else \
            "SELECT, REPLICATION SLAVE, REPLICATION CLIENT"
        statements = [f"DROP USER IF EXISTS {quoted}",
                      f"CREATE USER {quoted} {self._identified(plugin, password)}"
                      + (f" REQUIRE {require}" if require else "")]
        if grants:
            statements.append(f"GRANT {grants} ON *.* TO {quoted}")
        self.sql(";\n".join(statements) + ";\n")

    def _identified(self, plugin, password) -> str:
        secret = password.replace("\\", "\\\\").replace("'", "\\'")
        return f"IDENTIFIED WITH {plugin} BY '{secret}'" if plugin else \
            f"IDENTIFIED BY '{secret}'"

    def position(self) -> tuple[str, int]:
        """(file, position) of the binlog's end."""
        row = self.sql(self._status_statement())[0]
        return row[0], int(row[1])

    def gtid(self) -> str:
        """The GTID set executed so far, in the flavour's own words."""
        raise NotImplementedError

    def _status_statement(self) -> str:
        return "SHOW MASTER STATUS"

    def binlog_paths(self) -> list[pathlib.Path]:
        """The binlog files on disk, oldest first."""
        # Not binlog.index, nor MariaDB's binlog.000001.idx.
        return sorted(path for path in self.datadir.glob("binlog.*") if path.suffix[1:].isdigit())

    # Making it.

    def _make_folder(self) -> None:
        if self.datadir.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # The socket in here lets in root@localhost without a password.
        self.folder.chmod(0o700)
        tmp = self.folder / "tmp"
        tmp.mkdir(exist_ok=True)
        for path in (self.folder, tmp):
            paths.give_to_servers(path)
        template = self._template()
        subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=always", template, self.datadir],
                       check=True, timeout=120)

    def _template(self) -> pathlib.Path:
        """The initialised data folder that this server's is a copy of."""
        born_with = {key: self.options[key] for key in BORN_WITH if key in self.options}
        key = hashlib.sha256(repr(sorted(born_with.items())).encode()).hexdigest()[:8]
        name = f"{self.flavor}-{self._template_version()}-{key}"
        target = paths.cache_dir() / "templates" / name
        with paths.locked(f"template-{name}"):
            if target.exists():
                return target
            self._say(f"initialising a data folder for {self.flavor} {self.series}")
            target.parent.mkdir(exist_ok=True)
            work = target.with_name(f".{name}.partial")
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            paths.give_to_servers(work)
            log_path = target.with_name(f"{name}.log")
            self._initialise(work, born_with, log_path)
            # auto.cnf has the server's uuid: every copy must find its own.
            (work / "auto.cnf").unlink(missing_ok=True)
            os.rename(work, target)
        return target

    def settings(self) -> dict:
        """All settings the server starts with, in the order of their layers."""
        merged = {"port": self.port, "socket": self.socket, "datadir": self.datadir,
                  "pid_file": self.folder / "pid", "tmpdir": self.folder / "tmp",
                  "server_id": self.server_id}
        merged.update(self._place_settings())
        merged.update(BASE)
        merged.update(self._flavor_settings())
        if self.tls == "off":
            merged.update(self._tls_off_settings())
        elif self.tls == "own":
            pair = self._authority.server_certificate()
            self.ca_path = str(pair.ca)
            merged.update({"ssl_ca": pair.ca, "ssl_cert": pair.certificate, "ssl_key": pair.key})
        merged.update(self.options)
        return merged

    def _write_config(self) -> None:
        lines = ["[mysqld]"]
        for key, value in self.settings().items():
            if value is None:
                continue
            if value is True or value is False:
                value = "ON" if value else "OFF"
            lines.append(f"{key} = {value}")
        self.config_path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.config_path.chmod(0o644)  # mysqld ignores a file that others may write


def normalised(options: dict) -> dict:
    """Options with underscores, so that both spellings are one key."""
    return {key.replace("-", "_"): value for key, value in options.items()}


_ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def _unescaped(field: str):
    """Undo the client's --batch escapes."""
    if field == "NULL":
        return None
    if "\\" not in field:
        return field
    out, index = [], 0
    while index < len(field):
        if field[index] == "\\" and index + 1 < len(field):
            out.append(_ESCAPES.get(field[index + 1], field[index + 1]))
            index += 2
        else:
            out.append(field[index])
            index += 1
    return "".join(out)
