"""What the real Debezium wrote (tests/reference/debezium), and mr-core's messages beside it."""

import gzip
import json
import pathlib
import re
import sys

REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "reference" / "debezium"
sys.path.insert(0, str(REFERENCE))

from capture import DATABASE, PREFIX, normal, split, statements  # noqa: E402

GTID = re.compile(r'"id":"((?:[0-9a-f-]{36}:|\d+-\d+-)\d+)"')
HEADER = re.compile(r'\{"(__debezium\.(?:newkey|oldkey))":(.*)\}')


def option_sets() -> dict:
    """options.json."""
    return json.loads((REFERENCE / "options.json").read_text(encoding="ascii"))


def schemas() -> list[str]:
    """The schemas that golden messages refer to by number."""
    return gzip.decompress((REFERENCE / "golden/schemas.json.gz").read_bytes()).decode().split("\n")


def golden(server: str, name: str) -> list[dict]:
    """The messages of a server and a set of options; those of the marks are left out."""
    lines = gzip.decompress((REFERENCE / f"golden/{server}.jsonl.gz").read_bytes()).decode()
    messages = [json.loads(line) for line in lines.splitlines()]
    messages = [each for each in messages if each["options"] == name]
    kept, names = [], {}
    for index, each in enumerate(messages):
        if each["topic"] == f"{PREFIX}.transaction" and f'"{DATABASE}.mark"' in each["value"]:
            continue
        # The last BEGIN is of the mark at the end.
        if each["topic"] == f"{PREFIX}.transaction" and index == len(messages) - 1:
            continue
        for part in ("key", "value"):
            each[part] = each[part] and re.sub(
                r'"id":"(G\d+)"', lambda match: renamed(match, names), each[part])
        kept.append(each)
    return kept


def renamed(match, names: dict) -> str:
    """Transactions by their order: G0, G1, …"""
    return f'"id":"{names.setdefault(match[1], f"G{len(names)}")}"'


def make_tables(source) -> None:
    """tables.sql, for a server such as mysql-9.7."""
    name = server_name(source)
    source.sql(f"DROP DATABASE IF EXISTS {DATABASE}; CREATE DATABASE {DATABASE}")
    source.sql(statements("tables.sql", name), DATABASE)


def make_changes(source) -> None:
    """changes.sql."""
    source.sql(statements("changes.sql", server_name(source)), DATABASE)


def server_name(source) -> str:
    """mysql-9.7"""
    return f"{source.flavor}-{source.series}"


def ours(lines, schemas_on: bool) -> list[dict]:
    """mr-core's lines (--with-keys) in the form of golden()."""
    names, messages = {}, []
    for line in lines:
        key, headers, value = line.split("\t")
        # Their text as it is; what is no JSON, {"d":2026-11-22}, is a string.
        json.loads(headers)
        header = HEADER.fullmatch(headers)
        each = {"headers": {}}
        if header:
            text = header[2]
            each["headers"][header[1]] = json.loads(text) if text.startswith('"') else text
        for part, text in (("key", key), ("value", value)):
            text = None if text == "null" else text
            each[f"{part}_schema"], each[part] = split(text) if schemas_on else (None, text)
            each[part] = each[part] and GTID.sub(lambda match: renamed(match, names),
                                                 normal(each[part]))
        messages.append(each)
    return messages
