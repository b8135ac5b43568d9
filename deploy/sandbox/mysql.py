"""Oracle's MySQL: 9.7 (Debian sid's), 8.0.15 and 5.7.22 (Maven archives).

The Maven archives hold mysqld and the libraries only it has; the rest (libaio,
libnuma, libstdc++) comes from a small Debian 12 tree, not from the host, whose
libraries may be newer than these servers know.
"""

import pathlib
import shutil
import subprocess
import zipfile

from . import debian, maven, paths, process
from .database import DatabaseServer
from .errors import SandboxError

SERIES = ("9.7", "8.0", "5.7")


class MySQL(DatabaseServer):
    """One MySQL server."""

    flavor = "mysql"

    def __init__(self, name, series, *arguments, **keywords):
        if series not in SERIES:
            raise SandboxError(f"there is no MySQL {series} here, only " + ", ".join(SERIES))
        super().__init__(name, series, *arguments, **keywords)
        self._root = None
        self._home = None

    def fetch(self):
        if self._root is not None:
            return
        if self.series == "9.7":
            root = debian.fetch("mysql-9.7", "sid", ["mysql-server-core", "mysql-client-core"],
                                "9.", self._say)
            self._home = root.path / "usr"
        else:
            root = debian.fetch("runtime-bookworm", "bookworm",
                                ["libstdc++6", "libaio1", "libnuma1", "libcrypt1", "zlib1g"], "12.",
                                self._say)
            self._home = _unpacked(f"mysql-{self.series}", self._say)
        self._root = root

    def _template_version(self):
        if self.series == "9.7":
            return self._root.versions["mysql-server-core"]
        return self._home.name

    def _argv(self):
        if self.series == "9.7":
            return self._root.argv(self._home / "sbin/mysqld")
        return self._root.argv(self._home / "bin/mysqld", self._home / "bin", self._home / "lib")

    def binlog_tool(self) -> list[str] | None:
        """The words that run this version's own mysqlbinlog, None where there is none."""
        if self.series != "9.7":
            return None
        return self._root.argv(self._home / "bin/mysqlbinlog")

    def _place_settings(self):
        if self.series == "9.7":
            share, plugins = self._home / "share/mysql", self._home / "lib/mysql/plugin"
        else:
            share, plugins = self._home / "share", self._home / "lib"
        return {"basedir": self._home, "lc_messages_dir": share,
                "character_sets_dir": share / "charsets", "plugin_dir": plugins}

    def _flavor_settings(self):
        settings = {"gtid_mode": "ON", "enforce_gtid_consistency": "ON", "secure_file_priv": "",
                    "log_error_verbosity": "3" if self.series == "5.7" else "2",
                    "performance_schema_max_thread_instances": "200",
                    "performance_schema_max_table_instances": "500"}
        if self.series == "5.7":
            settings.update({"log_slave_updates": "ON", "innodb_log_file_size": "48M"})
        elif self.series == "8.0":
            settings.update({"mysqlx": "OFF", "innodb_log_file_size": "48M"})
        else:
            settings.update({"mysqlx": "OFF", "innodb_redo_log_capacity": "100M"})
        return settings

    def _tls_off_settings(self):
        # 9.7 has no switch any more: a server that speaks no version speaks no TLS.
        return {"tls_version": "''"} if self.series == "9.7" else {"ssl": "OFF"}

    def _initialise(self, datadir, born_with, log_path):
        # Settings of 5.7 and 8.0 may not differ between this and the first start
        # without a costly redo log resize.
        settings = {**self._place_settings(), **self._flavor_settings(), **born_with,
                    "innodb_use_native_aio": "OFF", "datadir": datadir}
        for key in ("gtid_mode", "enforce_gtid_consistency", "log_slave_updates"):
            settings.pop(key, None)
        process.run_quietly(
            [*self._argv(), "--no-defaults", "--initialize-insecure",
             *(f"--{key}={value}" for key, value in settings.items())],
            log_path, account=paths.server_account(), what=f"initialising MySQL {self.series}")

    def gtid(self):
        return (self.sql("SELECT @@global.gtid_executed")[0][0] or "").replace("\n", "")

    def _status_statement(self):
        return "SHOW BINARY LOG STATUS" if self.series == "9.7" else "SHOW MASTER STATUS"


def _unpacked(section: str, say) -> pathlib.Path:
    """The server's folder out of its Maven archive: a tar.gz in a jar."""
    jars = maven.fetch(section, say)
    target = paths.cache_dir() / "unpacked" / jars.name
    with paths.locked(f"unpack-{section}"):
        if not target.exists():
            work = target.with_name(f".{jars.name}.partial")
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            jar = next(jars.glob("*.jar"))
            with zipfile.ZipFile(jar) as archive:
                tree = archive.read("mysql-Linux-amd64.tar.gz")
            untar = subprocess.run(["tar", "-xz", "--no-same-owner", "-C", work], input=tree,
                                   check=False, timeout=300)
            if untar.returncode != 0:
                raise SandboxError(f"cannot unpack {jar}: is the disk full?")
            work.rename(target)
    return target
