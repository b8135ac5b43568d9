"""binlog_row_metadata of a server that tests share, for the while of a block."""

import contextlib


@contextlib.contextmanager
def row_metadata(server, value: str = "FULL"):
    """Events written inside the block have it; afterwards it is the server's default again."""
    server.sql(f"SET GLOBAL binlog_row_metadata = {value}")
    try:
        yield
    finally:
        server.sql("SET GLOBAL binlog_row_metadata = DEFAULT")
