"""What a failed mr-core must have said, and what no output of it may hold."""

import re

# The one line that ends a failed task: "… ERROR task=NAME the task failed: TEXT (CODE) at WHERE:
# REMEDY"; without " at WHERE" when the error has no place.
_ERROR = re.compile(r" ERROR (?P<line>.*)$", re.MULTILINE)


def failure(result, code: str, *words: str, status: int = 1) -> str:
    """The error line of a run that must have failed with `code`.

    It stands alone, holds each of `words`, ends in a remedy, and the exit status is right.
    """
    assert result.status == status, f"status {result.status}, not {status}:\n{result.stderr}"
    lines = [match["line"] for match in _ERROR.finditer(result.stderr)]
    assert len(lines) == 1, f"one error is told once, not {len(lines)}:\n{result.stderr}"
    line = lines[0]
    assert f"({code})" in line, f"not {code}: {line}"
    missing = [word for word in words if word not in line]
    assert not missing, f"{missing} not in: {line}"
    remedy = line.partition(f"({code})")[2].partition(": ")[2]
    assert len(remedy) > 20, f"no way out in: {line}"
    return line


def grant_in(line: str) -> str:
    """The GRANT statement that an error spells out."""
    match = re.search(r"GRANT .* TO '[^']*'@'[^']*'", line)
    assert match, f"no GRANT in: {line}"
    return match[0]


def place_in(line: str) -> tuple[str, int]:
    """(file, offset) of the binlog that an error names behind " at "."""
    match = re.search(r" at (\S+\.\d+):(\d+)", line)
    assert match, f"no binlog position in: {line}"
    return match[1], int(match[2])


def check_no_secrets(core, *secrets: str) -> None:
    """Nothing that mr-core wrote in this test holds a password."""
    for path in core.folder.rglob("*"):
        if path.is_file() and path.name != "task.json":
            content = path.read_bytes()
            for secret in ("repl-password", *secrets):
                assert secret.encode() not in content, f"{path} holds {secret!r}"
