"""What the differential test does on a server: several sessions, each with settings of its own.

Sessions take turns statement by statement, so that their transactions overlap; no two have
one table in transactions at a time, so none waits. The table `marks` tells who follows the
messages where he is: row n means that marks[n] holds from here on.
"""

import pymysql

from .matrix_ddl import Definitions, applied
from .matrix_dml import Rows
from .matrix_shapes import Types
from .values_corpus import set_session
from .waiting import wait_until

# Of statements that may fail, and then have changed nothing: a key that is there, a value
# that is too large, wrong or NULL for its column, a change of a definition that the server
# does not do …
FAILURES = {
    1060, 1062, 1067, 1068, 1069, 1071, 1072, 1074, 1101, 1138, 1048, 1091, 1118, 1136, 1170,
    1171, 1213, 1231, 1235, 1264, 1265, 1290, 1292, 1293, 1294, 1298, 1300, 1364, 1365, 1366,
    1367, 1406, 1411, 1425, 1426, 1427, 1439, 1440, 1441, 1467, 1525, 1526, 1690, 1728, 1785,
    1786, 1787, 1845, 1846, 1901, 1905, 1906, 1916, 1973, 3108, 3140, 3141, 3143, 3144, 3146, 3149, 3150,
    3152, 3156, 3157, 3158, 3167, 3819, 3837, 3854, 3886, 3903, 4025, 4031, 4037, 4038, 4078,
    4079, 4161,
}
# All allow invalid dates: an ALTER of a session that does not may rewrite those of others.
SESSIONS = [("+00:00", "STRICT_TRANS_TABLES,ALLOW_INVALID_DATES", "utf8mb4"),
            ("+05:45", "ALLOW_INVALID_DATES", "latin1"),
            ("-11:00", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,ALLOW_INVALID_DATES",
             "utf8mb4"),
            ("SYSTEM", "ALLOW_INVALID_DATES", "gbk")]
XA_GONE = 1402
XA_REFUSED = {1397, 1399, XA_GONE}  # the former: its session is still there
TABLES = 5


class Session:
    """A connection, and the tables of its transaction."""

    def __init__(self, server, database, settings, image: str):
        zone, mode, charset = settings
        self.charset = charset
        self.about = f"{zone} {charset} {mode}"
        self._open = lambda: self._connect(server, database, settings, image)
        self.connection = self._open()
        self.tables = []       # of the transaction at hand
        self.left = 0          # statements until it ends
        self.savepoints = []
        self.xa = ""           # its name, if it is an XA transaction
        self.prepared = False

    @staticmethod
    def _connect(server, database, settings, image):
        zone, mode, charset = settings
        connection = server.connect(conv={}, database=database, ssl_disabled=True,
                                    charset=charset, local_infile=True)
        set_session(connection, f"SET time_zone = '{zone}', sql_mode = '{mode}', "
                                "lock_wait_timeout = 5, innodb_lock_wait_timeout = 5")
        set_session(connection, image)
        return connection

    def reconnect(self) -> int:
        """Leave, and come back; a prepared transaction stays behind. The former id."""
        number = self.connection.thread_id()
        self.connection.close()
        self.connection = self._open()
        return number


class World:
    """Tables, sessions, and all that was done."""

    def __init__(self, rng, server, database: str, combination, folder):
        self.rng = rng
        self.server = server
        self.database = database
        self.combination = combination
        self.tables = {}
        self.marks = {}        # number: ("effects", [...]) or ("truth", {table: rows})
        self.history = []      # (session's number, statement, None or the error's number)
        self.counts = {"done": 0, "refused": 0}
        self._xids = 0
        types = Types(rng, combination)
        self._rows = Rows(rng, types, folder, combination)
        self._definitions = Definitions(rng, types, combination.server)
        self._sessions = [Session(server, database, settings, combination.session_settings())
                          for settings in SESSIONS]
        # What the harness does itself: marks, and the truth in UTC.
        self._own = Session(server, database, ("+00:00", "ALLOW_INVALID_DATES", "utf8mb4"),
                            combination.session_settings())
        self._run(self._own, "CREATE TABLE marks (id INT PRIMARY KEY)")
        self.mark("effects", [])
        for number in range(TABLES):
            shape = types.shape(keyed=number != 0)
            name = f"t{number}"
            if self._run(self._own, shape.create(name)):
                self._defined([("shape", name, shape)])

    def close(self) -> None:
        """Disconnect; nothing prepared is left."""
        for session in self._sessions:
            session.connection.close()
            if session.prepared:
                self._run(self._own, f"XA ROLLBACK '{session.xa}'", XA_REFUSED)
        self._own.connection.close()

    def write(self, path) -> None:
        """All statements into a file."""
        path.write_text("".join(f"-- {about} {failed or ''}\n{sql};\n"
                                for about, sql, failed in self.history), encoding="utf-8")

    def mark(self, kind: str, what) -> int:
        """A row in marks."""
        number = len(self.marks) + 1
        self.marks[number] = (kind, what)
        assert self._run(self._own, f"INSERT INTO marks VALUES ({number})")
        return number

    def check(self) -> int:
        """Mark what SELECT shows of every table now."""
        return self.mark("truth", {name: self._query(shape.select(name))
                                   for name, shape in self.tables.items()})

    def finish(self) -> int:
        """End all transactions; the last mark."""
        for session in self._sessions:
            while session.tables:
                session.left = 0
                self._go_on(session)
        return self.check()

    def step(self) -> None:
        """A statement in some session."""
        rng = self.rng
        session = rng.choice(self._sessions)
        if session.tables:
            self._go_on(session)
            return
        taken = {name for each in self._sessions for name in each.tables}
        free = [name for name in self.tables if name not in taken]
        if not free:
            return
        if rng.random() < 0.12:
            self._define(session, free)
        elif rng.random() < 0.6:
            session.tables = rng.sample(free, min(len(free), 2))
            session.left = rng.randint(1, 6)
            if rng.random() < 0.2:
                self._xids += 1
                session.xa = f"{self.database} {self._xids}"
                self._run(session, f"XA START '{session.xa}'")
            else:
                self._run(session, rng.choice(["BEGIN", "START TRANSACTION"]))
        else:
            self._change(session, rng.sample(free, min(len(free), 2)))

    def _change(self, session, names) -> None:
        one, other = names[0], names[-1]
        self._run(session, self._rows.statement(one, self.tables[one],
                                                (other, self.tables[other])))

    def _go_on(self, session) -> None:
        """The next statement of a transaction."""
        rng = self.rng
        if session.left == 0:
            self._end(session)
            return
        session.left -= 1
        chance = rng.random()
        if session.prepared:
            return
        if chance < 0.15 and not session.xa:
            name = f"s{rng.randint(1, 3)}"
            session.savepoints.append(name)
            self._run(session, f"SAVEPOINT {name}")
        elif chance < 0.27 and session.savepoints:
            name = rng.choice(session.savepoints)
            # Those set behind it are gone; one may have been set anew.
            self._run(session, rng.choice([f"ROLLBACK TO {name}", f"ROLLBACK TO SAVEPOINT {name}",
                                           f"RELEASE SAVEPOINT {name}"]), {1305})
        else:
            names = list(session.tables)
            rng.shuffle(names)
            self._change(session, names)

    def _end(self, session) -> None:
        if session.xa and not session.prepared:
            self._end_of_xa(session)
            if session.prepared:
                return
        elif session.prepared:
            self._decide(session)
        else:
            self._run(session, "ROLLBACK" if self.rng.random() < 0.2 else "COMMIT")
        session.tables, session.savepoints, session.xa = [], [], ""

    def _end_of_xa(self, session) -> None:
        """In one phase, or prepared: then others go on for a while before it is decided."""
        self._run(session, f"XA END '{session.xa}'")
        chance = self.rng.random()
        if chance < 0.2:
            self._run(session, f"XA COMMIT '{session.xa}' ONE PHASE")
        elif chance < 0.3:
            self._run(session, f"XA ROLLBACK '{session.xa}'")
        else:
            session.prepared = self._run(session, f"XA PREPARE '{session.xa}'")
            session.left = self.rng.randrange(8)

    def _decide(self, session) -> None:
        """XA COMMIT or ROLLBACK, by the session itself, or by another once it is gone."""
        by = session
        if self.rng.random() < 0.5:
            self._leave(session)
            by = self._own
        decision = "ROLLBACK" if self.rng.random() < 0.3 else "COMMIT"

        def decided():
            done = self._run(by, f"XA {decision} '{session.xa}'", XA_REFUSED)
            # MariaDB rolls one back that changed nothing when its session goes.
            return done or self.history[-1][2] == XA_GONE
        # The server may need a moment to let go of it.
        wait_until(decided, 10, f"XA {decision} of {session.xa}")
        session.prepared = False

    def _leave(self, session) -> None:
        """A session goes and leaves its prepared transaction to others."""
        gone = session.reconnect()
        wait_until(lambda: not self._query(
            f"SELECT 1 FROM information_schema.processlist WHERE id = {gone}"), 10,
            "a session's end")
        if self.combination.mariadb:
            # It hides sessions before it has let go of their transactions. An XA COMMIT in
            # between succeeds and is logged, and the rows stay locked and are not there.
            # What the table below shows is renewed only if nobody asked for 0.1 s.
            wait_until(lambda: not self._query(
                f"SELECT 1 FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = {gone}"),
                10, "a session's end", interval=0.15)

    def _define(self, session, free) -> None:
        """Change definitions, and most times then the rows, which makes all values known."""
        for definition in self._definitions.statements(self.tables, free):
            if self.combination.metadata != "FULL" and not definition.sql.isascii():
                session = self._own  # others' text is not read where definitions are followed
            if definition.early:
                self._defined(definition.effects)
            done = self._run(session, definition.sql, {1054})  # of a generated column
            if done and not definition.early:
                self._defined(definition.effects)
            elif not done and definition.early:
                self._defined([("drop", effect[1]) for effect in definition.effects])
            if not done:
                return
        name = self.rng.choice(free)
        if name in self.tables and self.rng.random() < 0.7:
            self._run(session, self._rows.touch(name, self.tables[name]))

    def _defined(self, effects) -> None:
        self.tables = applied(self.tables, effects)
        self.mark("effects", effects)

    def _query(self, sql: str) -> list[tuple]:
        with self._own.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def _run(self, session, sql: str, harmless=()) -> bool:
        """Run a statement; whether it worked."""
        try:
            sql.encode({"utf8mb4": "utf-8", "gbk": "gbk", "latin1": "cp1252"}[session.charset])
        except UnicodeEncodeError:
            session = self._own if not session.tables else session
            if session is not self._own:
                return False
        failed = None
        try:
            with session.connection.cursor() as cursor:
                cursor.execute(sql)
                cursor.fetchall()
        except pymysql.err.MySQLError as error:
            failed = error.args[0]
            assert failed in FAILURES or failed in harmless, \
                f"{error} of the session {session.about}:\n{sql[:2000]}"
        self.history.append((session.about, sql, failed))
        self.counts["refused" if failed else "done"] += 1
        return failed is None
