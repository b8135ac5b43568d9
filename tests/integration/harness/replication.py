"""Real replication between two servers of the sandbox, by GTID."""

from harness.waiting import wait_until


def _new_words(server) -> bool:
    """Whether the server says SOURCE and REPLICA."""
    return server.flavor == "mysql" and server.series not in ("5.7", "8.0")


def reset(server) -> None:
    """Forget all that was logged: accounts made on each server would be errant on the other."""
    server.sql("RESET BINARY LOGS AND GTIDS" if _new_words(server) else "RESET MASTER")
    if server.flavor == "mariadb":
        server.sql("SET GLOBAL gtid_slave_pos = ''")


def follow(replica, primary) -> None:
    """Make `replica` replicate from `primary`, read-only."""
    words = {"host": "MASTER_HOST", "port": "MASTER_PORT", "user": "MASTER_USER",
             "password": "MASTER_PASSWORD"}
    if _new_words(replica):
        words = {key: word.replace("MASTER", "SOURCE") for key, word in words.items()}
    values = {"host": primary.host, "port": primary.port, "user": "repl",
              "password": "repl-password"}
    options = [f"{words[key]}={values[key]!r}" for key in values]
    if replica.flavor == "mariadb":
        options += ["MASTER_USE_GTID=slave_pos"]
    elif _new_words(replica):
        options += ["SOURCE_AUTO_POSITION=1", "GET_SOURCE_PUBLIC_KEY=1"]
    else:
        options += ["MASTER_AUTO_POSITION=1", "GET_MASTER_PUBLIC_KEY=1"]
    new = _new_words(replica)
    replica.sql(f"CHANGE {'REPLICATION SOURCE' if new else 'MASTER'} TO {', '.join(options)};"
                f"START {'REPLICA' if new else 'SLAVE'}; SET GLOBAL read_only = ON")


def pair(new_server, series: str):
    """A primary with a table d.t, and its replica."""
    options = {"log_slave_updates": "1"} if series.startswith("mariadb") else {}
    primary, replica = (new_server(series, options=options) for _ in range(2))
    for each in (primary, replica):
        reset(each)
    follow(replica, primary)
    primary.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(1000))")
    wait_for_rows(replica, "d.t", 0)
    return primary, replica


def stop(replica) -> None:
    """Stop replicating; it can go on with resume()."""
    replica.sql(f"STOP {'REPLICA' if _new_words(replica) else 'SLAVE'}")


def resume(replica) -> None:
    """Go on replicating."""
    replica.sql(f"START {'REPLICA' if _new_words(replica) else 'SLAVE'}")


def promote(replica) -> None:
    """Make a primary of it."""
    stop(replica)
    replica.sql(f"RESET {'REPLICA' if _new_words(replica) else 'SLAVE'} ALL;"
                "SET GLOBAL read_only = OFF")


def wait_for_rows(server, table: str, count: int) -> None:
    """Until the table is there with so many rows."""
    database, name = table.split(".")

    def there():
        found = server.sql("SELECT COUNT(*) FROM information_schema.tables WHERE "
                           f"table_schema='{database}' AND table_name='{name}'")
        return int(found[0][0]) == 1 and \
            int(server.sql(f"SELECT COUNT(*) FROM {table}")[0][0]) >= count
    wait_until(there, 30, f"{count} rows in {table}")
