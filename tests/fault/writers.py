"""Sessions that change rows at random, and the ledger of what COMMIT answered.

Each change is made under its key's lock together with a row of `audit` (not replicated by the
task): the key, its number, the kind, and the transaction's token. So the server itself tells
afterwards, in one consistent table, which changes happened and in which order: whatever became
of a transaction whose COMMIT had no answer. The ledger holds that table against the answers.
"""

import itertools
import json
import random
import threading
import time

import pymysql

HOT = "hot"        # few keys, many changes
BIG = "big"        # changed by transactions larger than memory.group_bytes
PROBE = "probe"    # a row every few hundredths of a second: when is the bus back?
HOT_KEYS, KEYS, BIG_KEYS = 4, 120, 400
PAD = 600          # bytes of a row of BIG

RETRY = (1205, 1213)  # lock wait timeout, deadlock


def tables(count: int) -> dict:
    """{table: number of keys}; the probe's keys come as they are made."""
    return {HOT: HOT_KEYS, BIG: BIG_KEYS, **{f"t{n}": KEYS for n in range(1, count + 1)}}


def make(server, database: str, count: int) -> None:
    """The tables, and the counters of their keys."""
    text = [f"CREATE DATABASE {database}"]
    for name in [*tables(count), PROBE]:
        text.append(f"CREATE TABLE {database}.{name} (id INT PRIMARY KEY, seq INT NOT NULL, "
                    "tok VARCHAR(40) NOT NULL, pad VARCHAR(1000))")
    text.append(f"CREATE TABLE {database}.audit (n BIGINT AUTO_INCREMENT PRIMARY KEY, "
                "tbl VARCHAR(20) NOT NULL, id INT NOT NULL, seq INT NOT NULL, op CHAR(1) NOT NULL,"
                " tok VARCHAR(40) NOT NULL, UNIQUE (tbl, id, seq))")
    text.append(f"CREATE TABLE {database}.counter (tbl VARCHAR(20), id INT, seq INT NOT NULL, "
                "lives INT NOT NULL, PRIMARY KEY (tbl, id))")
    for name, keys in tables(count).items():
        values = ",".join(f"('{name}',{key},0,0)" for key in range(1, keys + 1))
        text.append(f"INSERT INTO {database}.counter VALUES {values}")
    server.sql(";\n".join(text) + ";\n")


def truth(server, database: str) -> dict:
    """{(table, id): [(op, tok) of each number]}, by the server's own table."""
    found = {}
    with server.connect() as connection, connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute(f"SELECT tbl, id, seq, op, tok FROM {database}.audit ORDER BY tbl, id, seq")
        for table, key, seq, op, tok in cursor:
            told = found.setdefault((table, key), [])
            assert seq == len(told) + 1, f"the audit of {table} {key} lacks {len(told) + 1}"
            told.append((op, "" if op == "d" else tok))
    return found


class Ledger:
    """What each transaction was told, in a file: committed, rolled back, or nothing."""

    def __init__(self, path):
        self._file = open(path, "w", encoding="ascii")  # pylint: disable=consider-using-with
        self._guard = threading.Lock()
        self.outcomes = {}

    def note(self, tok: str, outcome: str) -> None:
        """committed, undone or unknown."""
        with self._guard:
            self._file.write(json.dumps([round(time.time(), 3), tok, outcome]) + "\n")
            self.outcomes[tok] = outcome

    def settle(self, server, database: str) -> dict:
        """Hold it against the audit: {outcome: count}; an answer the server broke is an error."""
        self._file.close()
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT DISTINCT tok FROM {database}.audit")
            happened = {row[0] for row in cursor}
        counts = {}
        for tok, outcome in self.outcomes.items():
            assert outcome != "committed" or tok in happened, \
                f"the source itself lost transaction {tok}"
            assert outcome != "undone" or tok not in happened, \
                f"the source kept the undone transaction {tok}"
            if outcome == "unknown":
                outcome += ", happened" if tok in happened else ", did not"
            counts[outcome] = counts.get(outcome, 0) + 1
        stray = happened - set(self.outcomes)
        assert not stray, f"transactions that no writer made: {sorted(stray)[:5]}"
        return counts


class Session(threading.Thread):
    """One connection that makes random transactions, through whatever happens to the server."""

    def __init__(self, world, number: int, seed: int, pause: float, xa: bool):
        super().__init__(daemon=True)
        self._world, self._number, self._pause, self._xa = world, number, pause, xa
        self._random = random.Random(seed)
        self._count = itertools.count(1)
        self._end = threading.Event()
        self._prepared = None
        self._connection = None
        self._sizes = tables(world.tables)

    def run(self):
        while not self._end.is_set():
            self._once()
            time.sleep(self._random.expovariate(1 / self._pause))
        for _ in range(100):
            if self._prepared is None:
                break
            self._once()

    def stop(self) -> None:
        """End after the transaction at hand."""
        self._end.set()

    def change(self, what: str) -> None:
        """One transaction by the caller's thread: plain, big or ddl. Tried once."""
        self._once({"plain": self._plain, "big": self._big, "ddl": self._ddl}[what])

    def _once(self, kind=None):
        tok = f"s{self._number}-{next(self._count)}"
        try:
            self._connect()
            with self._connection.cursor() as cursor:
                if self._prepared:
                    self._decide(cursor)
                if not self._end.is_set():
                    (kind or self._transaction)(cursor, tok)
        except (pymysql.err.MySQLError, OSError) as error:
            code = error.args[0] if isinstance(error, pymysql.err.MySQLError) and error.args else 0
            if code in RETRY and self._prepared != tok and self._rolled_back():
                self._note(tok, "undone")
                return
            self._note(tok, "unknown")
            self._leave()
            time.sleep(0.1)

    def _connect(self):
        if self._connection is not None:
            return
        self._connection = self._world.source.connect(database=self._world.database,
                                                      read_timeout=30, write_timeout=30)
        with self._connection.cursor() as cursor:
            for setting in ("TRANSACTION ISOLATION LEVEL READ COMMITTED",
                            "innodb_lock_wait_timeout = 5", "lock_wait_timeout = 5"):
                cursor.execute(f"SET SESSION {setting}")

    def _transaction(self, cursor, tok):
        kinds = {self._plain: 80, self._undo: 6, self._savepoint: 8,
                 self._xa_pair: 5 if self._xa else 0, self._big: 0.6, self._ddl: 0.4}
        self._random.choices(list(kinds), kinds.values())[0](cursor, tok)

    def _rolled_back(self) -> bool:
        """ROLLBACK; False where only the end of the connection does it (an XA transaction)."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
            return True
        except (pymysql.err.MySQLError, OSError):
            return False

    def _leave(self):
        if self._connection is not None:
            try:
                self._connection.close()
            except (pymysql.err.MySQLError, OSError):
                pass
            self._connection = None

    def _note(self, tok, outcome):
        self._world.ledger.note(tok, outcome)

    def _key(self):
        table = self._random.choice([HOT, *(name for name in self._sizes if name != BIG)])
        return table, self._random.randint(1, self._sizes[table])

    def _change(self, cursor, table, key, tok, pad=None):
        cursor.execute("SELECT seq, lives FROM counter WHERE tbl = %s AND id = %s FOR UPDATE",
                       (table, key))
        seq, lives = cursor.fetchone()
        seq += 1
        if not lives:
            op = "c"
            cursor.execute(f"INSERT INTO {table} (id, seq, tok, pad) VALUES (%s, %s, %s, %s)",
                           (key, seq, tok, pad))
        elif pad is None and self._random.random() < 0.15:
            op = "d"
            cursor.execute(f"DELETE FROM {table} WHERE id = %s", (key,))
        else:
            op = "u"
            cursor.execute(f"UPDATE {table} SET seq = %s, tok = %s, pad = %s WHERE id = %s",
                           (seq, tok, pad, key))
        assert cursor.rowcount == 1, (table, key, op, cursor.rowcount)
        cursor.execute("UPDATE counter SET seq = %s, lives = %s WHERE tbl = %s AND id = %s",
                       (seq, op != "d", table, key))
        cursor.execute("INSERT INTO audit (tbl, id, seq, op, tok) VALUES (%s, %s, %s, %s, %s)",
                       (table, key, seq, op, tok))

    def _changes(self, cursor, tok, at_most=5):
        # In one order: fewer deadlocks.
        for table, key in sorted(self._key() for _ in range(self._random.randint(1, at_most))):
            self._change(cursor, table, key, tok)

    def _plain(self, cursor, tok):
        cursor.execute("BEGIN")
        self._changes(cursor, tok)
        cursor.execute("COMMIT")
        self._note(tok, "committed")

    def _undo(self, cursor, tok):
        cursor.execute("BEGIN")
        self._changes(cursor, tok)
        cursor.execute("ROLLBACK")
        self._note(tok, "undone")

    def _savepoint(self, cursor, tok):
        cursor.execute("BEGIN")
        self._changes(cursor, tok, 2)
        cursor.execute("SAVEPOINT s")
        self._changes(cursor, tok + "x")
        cursor.execute("ROLLBACK TO s")
        self._changes(cursor, tok, 2)
        cursor.execute("COMMIT")
        self._note(tok, "committed")

    def _xa_end(self, cursor, tok, decision):
        cursor.execute(f"XA {decision} '{tok}'")
        self._prepared = None
        self._note(tok, "committed" if decision == "COMMIT" else "undone")

    def _xa_pair(self, cursor, tok):
        cursor.execute(f"XA START '{tok}'")
        self._changes(cursor, tok, 3)
        cursor.execute(f"XA END '{tok}'")
        self._prepared = tok
        cursor.execute(f"XA PREPARE '{tok}'")
        if self._random.random() < 0.3:
            time.sleep(self._random.random())
        self._xa_end(cursor, tok, "COMMIT" if self._random.random() < 0.8 else "ROLLBACK")

    def _big(self, cursor, tok):
        cursor.execute("BEGIN")
        pad = self._random.choice("abcdefgh") * PAD
        for key in range(1, BIG_KEYS + 1):
            self._change(cursor, BIG, key, tok, pad)
        cursor.execute("COMMIT")
        self._note(tok, "committed")

    def _ddl(self, cursor, _):
        table = "t" + str(self._random.randint(1, self._world.tables))
        cursor.execute("SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = "
                       "DATABASE() AND table_name = %s AND column_name = 'more'", (table,))
        there = cursor.fetchone()[0]
        cursor.execute(f"ALTER TABLE {table} DROP COLUMN more" if there else
                       f"ALTER TABLE {table} ADD COLUMN more INT DEFAULT 7")

    def _decide(self, cursor):
        """An XA transaction of a lost connection: prepared, or gone."""
        cursor.execute("XA RECOVER")
        listed = {row[3] if isinstance(row[3], str) else row[3].decode() for row in cursor}
        if self._prepared in listed:
            self._xa_end(cursor, self._prepared, self._random.choice(("COMMIT", "ROLLBACK")))
        else:
            self._note(self._prepared, "unknown")
            self._prepared = None


class Prober(Session):
    """A row of its own table again and again: its arrival tells that the bus works."""

    def __init__(self, world):
        super().__init__(world, 0, 0, 0.04, False)
        self._rows = itertools.count(1)
        self.begun = {}   # id -> when its transaction began

    def _transaction(self, cursor, tok):
        key = next(self._rows)
        cursor.execute("BEGIN")
        cursor.execute(f"INSERT INTO {PROBE} (id, seq, tok) VALUES (%s, 1, %s)", (key, tok))
        cursor.execute("INSERT INTO audit (tbl, id, seq, op, tok) VALUES (%s, %s, 1, 'c', %s)",
                       (PROBE, key, tok))
        self.begun[key] = time.monotonic()
        cursor.execute("COMMIT")
        self._note(tok, "committed")
