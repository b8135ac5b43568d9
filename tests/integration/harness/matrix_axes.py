"""The axes of the differential test, and which of their combinations are tried.

A combination has one value of each axis. pairs() is a small list in which any two values
of two axes that can be together are so at least once; everything() the product of the
axes that decide how rows are read and written, the other axes taken in turn.
"""

import dataclasses
import itertools
import random

AXES = {
    "server": ("mysql-5.7", "mysql-8.0", "mysql-9.7", "mariadb-10.11", "mariadb-11.8"),
    "metadata": ("FULL", "default"),
    "image": ("FULL", "MINIMAL", "NOBLOB", "FULL_NODUP"),
    "compression": ("plain", "compressed"),
    "json": ("whole", "partial"),       # binlog_row_value_options
    "dialect": ("debezium", "maxwell", "canal"),
    "compat": ("lossless", "exact"),
    "checksum": ("CRC32", "NONE"),
    "start": ("file", "gtid"),
    "stop": ("drained", "killed"),      # killed: kill -9 in the middle, then resumed
    "groups": ("held", "streamed"),     # streamed: some are too large for memory.group_bytes
}
# Those that do not change how a row is read or written: everything() takes them in turn.
IN_TURN = ("json", "checksum", "start", "stop", "groups")


@dataclasses.dataclass(frozen=True)
class Combination:
    """One value of each axis."""

    server: str
    metadata: str
    image: str
    compression: str
    json: str
    dialect: str
    compat: str
    checksum: str
    start: str
    stop: str
    groups: str

    def __str__(self):
        return "-".join(dataclasses.astuple(self)).lower().replace("_", "")

    @property
    def mariadb(self) -> bool:
        """Whether the server is one."""
        return self.server.startswith("mariadb")

    def session_settings(self) -> str:
        """SET of what a session decides."""
        settings = [f"binlog_row_image = {self.image}"]
        if self.json == "partial":
            settings.append("binlog_row_value_options = PARTIAL_JSON")
        if self.compression == "compressed" and not self.mariadb:
            settings.append("binlog_transaction_compression = ON")
        return "SET " + ", ".join(settings)

    def server_settings(self) -> dict:
        """{global variable: value} of what only the server can decide."""
        settings = {"binlog_checksum": self.checksum, "local_infile": "ON"}
        if self.server != "mysql-5.7":
            settings["binlog_row_metadata"] = self.metadata if self.metadata == "FULL" else \
                ("NO_LOG" if self.mariadb else "MINIMAL")
        if self.mariadb:
            compressed = self.compression == "compressed"
            settings |= {"log_bin_compress": "ON" if compressed else "OFF",
                         "log_bin_compress_min_len": "10" if compressed else "256"}
        return settings

    def task_settings(self) -> dict:
        """Sections of the task document."""
        return {"memory": {"group_bytes": 65536}} if self.groups == "streamed" else {}

    @property
    def exact(self) -> bool:
        """Whether the peer's losses are wanted."""
        return self.compat == "exact"


# Two values that cannot be together.
IMPOSSIBLE = [
    # 5.7 has no such metadata: the value says nothing there.
    {"server": "mysql-5.7", "metadata": "FULL"},
    *({"server": name, "image": "FULL_NODUP"} for name in AXES["server"] if name != "mariadb-11.8"),
    *({"server": name, "compression": "compressed"} for name in ("mysql-5.7", "mysql-8.0")),
    *({"server": name, "json": "partial"} for name in AXES["server"]
      if name not in ("mysql-8.0", "mysql-9.7")),
    # Debezium stops at a column that is not there, Canal leaves out the key; so does exact.
    *({"image": image, "dialect": dialect, "compat": "exact"}
      for image in ("MINIMAL", "FULL_NODUP") for dialect in ("debezium", "canal")),
]


def possible(values: dict) -> bool:
    """Whether these values can be together."""
    return not any(all(values.get(axis) == value for axis, value in each.items())
                   for each in IMPOSSIBLE)


def pairs() -> list[Combination]:
    """Combinations that together have every possible pair of values."""
    rng = random.Random(0)
    trials = [values for values in _product(list(AXES)) if possible(values)]
    open_pairs = set().union(*map(_pairs_of, trials))
    found = []
    while open_pairs:
        wanted = rng.choice(sorted(open_pairs, key=sorted))
        holders = [values for values in trials if wanted <= values.items()]
        best = max(rng.sample(holders, min(len(holders), 100)),
                   key=lambda values: len(open_pairs & _pairs_of(values)))
        open_pairs -= _pairs_of(best)
        found.append(Combination(**best))
    return sorted(found, key=lambda each: list(AXES["server"]).index(each.server))


def _product(axes):
    return (dict(zip(axes, each)) for each in itertools.product(*(AXES[axis] for axis in axes)))


def _pairs_of(values: dict) -> set:
    return {frozenset(pair) for pair in itertools.combinations(values.items(), 2)}


def everything() -> list[Combination]:
    """The product of the axes but those taken in turn."""
    main = [axis for axis in AXES if axis not in IN_TURN]
    turns = list(itertools.product(*(AXES[axis] for axis in IN_TURN)))
    turn = itertools.count()
    found = []
    for values in filter(possible, _product(main)):
        trial = {}
        while not trial or not possible(trial):
            trial = {**values, **dict(zip(IN_TURN, turns[next(turn) % len(turns)]))}
        found.append(Combination(**trial))
    return found


def any_of(rng) -> Combination:
    """A random one."""
    while True:
        values = {axis: rng.choice(AXES[axis]) for axis in AXES}
        if possible(values):
            return Combination(**values)
