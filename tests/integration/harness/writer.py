"""Writes rows in the background, through whatever happens to the server."""

import threading
import time

import pymysql


class Writer:
    """Inserts (id, 'row id'), a transaction each, with rising ids, until stop().

    An insert whose answer was lost may have happened or not: what the table holds is the truth.
    """

    def __init__(self, server, table: str, pause: float = 0.002):
        self._server = server
        self._table = table
        self._pause = pause
        self._end = threading.Event()
        self.tried = 0
        self.done = 0
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self):
        connection = None
        while not self._end.is_set():
            try:
                connection = connection or self._server.connect(read_timeout=20, write_timeout=20)
                with connection.cursor() as cursor:
                    self.tried += 1
                    cursor.execute(f"INSERT INTO {self._table} VALUES (%s, %s)",
                                   (self.tried, f"row {self.tried}"))
                self.done += 1
                time.sleep(self._pause)
            except (pymysql.err.Error, OSError):
                connection = None
                time.sleep(0.05)

    def stop_trying(self) -> None:
        """End, when the server may be dead."""
        self._end.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the writer hangs"

    def stop(self) -> list[int]:
        """End, and return the ids that the table holds."""
        self.stop_trying()
        return [int(row[0]) for row in
                self._server.sql(f"SELECT id FROM {self._table} ORDER BY id")]
