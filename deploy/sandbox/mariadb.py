"""MariaDB 10.11 (Debian 12's) and 11.8 (Debian sid's), out of mariadb-server-core.

The data folder is made as mariadb-install-db makes it, by feeding the system
tables to mariadbd --bootstrap: the script itself runs programs by their own
loader, which the unpacked tree does not have (debian.py).
"""

from . import debian, paths, process
from .database import DatabaseServer
from .errors import SandboxError

# series: (Debian suite, prefix the version must have, share folder, sql file prefix)
SERIES = {
    "10.11": ("bookworm", "10.11.", "usr/share/mysql", "mysql"),
    "11.8": ("sid", "11.", "usr/share/mariadb", "mariadb"),
}


class MariaDB(DatabaseServer):
    """One MariaDB server."""

    flavor = "mariadb"

    def __init__(self, name, series, *arguments, **keywords):
        if series not in SERIES:
            raise SandboxError(f"there is no MariaDB {series} here, only " + ", ".join(SERIES))
        super().__init__(name, series, *arguments, **keywords)
        self._root = None

    def fetch(self):
        suite, prefix, _, _ = SERIES[self.series]
        if self._root is None:
            self._root = debian.fetch(f"mariadb-{self.series}", suite, ["mariadb-server-core"],
                                      prefix, self._say)

    def _template_version(self):
        return self._root.versions["mariadb-server-core"].replace(":", "_")

    def _argv(self):
        return self._root.argv(self._root.path / "usr/sbin/mariadbd")

    def _share(self):
        return self._root.path / SERIES[self.series][2]

    def _place_settings(self):
        return {"basedir": self._root.path / "usr", "lc_messages_dir": self._share(),
                "character_sets_dir": self._share() / "charsets",
                "plugin_dir": self._root.path / "usr/lib/mysql/plugin"}

    def _flavor_settings(self):
        # Debian 12's own settings file says this collation; 11.8's default is another.
        return {"log_warnings": "2", "innodb_log_file_size": "64M",
                "collation_server": "utf8mb4_general_ci", "key_buffer_size": "8M",
                "aria_pagecache_buffer_size": "8M"}

    def _tls_off_settings(self):
        return {"ssl": "OFF"}

    def _initialise(self, datadir, born_with, log_path):
        prefix = SERIES[self.series][3]
        # The server reads one statement to a line's end here, so each is on its own.
        script = [b"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"]
        for name in (f"{prefix}_system_tables", f"{prefix}_performance_tables",
                     f"{prefix}_system_tables_data", "maria_add_gis_sp_bootstrap",
                     f"{prefix}_sys_schema"):
            script.append((self._share() / f"{name}.sql").read_bytes())
        # The install script makes an anonymous root for the machine's name too; the
        # socket's root@localhost is the only one wanted.
        script.append(b"DELETE FROM mysql.global_priv WHERE User='' OR Host<>'localhost';\n")
        settings = {"basedir": self._root.path / "usr", "lc_messages_dir": self._share(),
                    "character_sets_dir": self._share() / "charsets",
                    "innodb_log_file_size": "64M", "innodb_use_native_aio": "OFF", **born_with}
        process.run_quietly(
            [*self._argv(), "--no-defaults", "--bootstrap", f"--datadir={datadir}",
             *(f"--{key}={value}" for key, value in settings.items())],
            log_path, account=paths.server_account(), stdin=b"".join(script),
            what=f"initialising MariaDB {self.series}")
        # What mysql_upgrade would look for, and complain about, at the first start.
        (datadir / "mysql_upgrade_info").write_text("", encoding="ascii")

    def _identified(self, plugin, password):
        if not plugin:
            return super()._identified(plugin, password)
        secret = password.replace("\\", "\\\\").replace("'", "\\'")
        return f"IDENTIFIED VIA {plugin} USING PASSWORD('{secret}')"

    def gtid(self):
        return self.sql("SELECT @@gtid_binlog_pos")[0][0] or ""
