#!/usr/bin/env python3
"""lint.py - what the compiler does not check about this project's source.

Arrows (docs/ARCHITECTURE.md): each folder may include only folders below it; stages of
core never include each other; each foreign library's header has one folder that includes
it; the link lines of the CMakeLists.txt files agree with the includes. Form: every C file
begins with a comment that names the file and its job, no file is too long, no line has
blanks at its end, nothing is left to be done "later". Pure folders call no clock.

  lint.py [ROOT]        prints `path:line: what is wrong` and exits with 1 if there is any

Standard library only. selftest.py shows that each rule can fail.
"""

import os
import re
import sys

# What a folder's files may include, besides the folder itself. A folder that is in none of
# these lines may not have C files: whoever adds one decides where it stands.
BASE = ["common/base"]
OS = BASE + ["common/os"]
CONTRACT = OS + ["common/config", "common/contract"]
MODEL = CONTRACT + ["core/model"]
DAEMON = ["common/daemon", "common/http", "common/metrics", "common/view", "common/zk"]
STAGES = ["core/mysql", "core/binlog", "core/schema", "core/rules", "core/envelope", "core/pipe",
          "core/consumer", "core/progress"]
ALLOWED = {
    "common/base": [],
    "common/os": BASE,
    "common/config": OS + ["common/contract"],
    "common/contract": OS,
    "common/seal": OS + ["common/contract"],
    "common/zk": OS + ["common/contract"],
    "common/metrics": OS,
    "common/http": OS + ["common/contract"],
    "common/daemon": CONTRACT + ["common/http", "common/metrics", "common/zk"],
    "common/view": CONTRACT + ["common/zk"],
    "core/model": BASE + ["common/contract"],
    "core/charset": BASE,
    **{stage: MODEL for stage in STAGES},
    "core/binlog": MODEL + ["core/charset"],
    "core/envelope": MODEL + ["core/charset"],
    "core/rules": MODEL + ["core/charset"],
    "core/progress": MODEL + ["common/zk"],
    "core/pipeline": MODEL + STAGES + ["core/charset", "common/zk"],
    "core/preflight": MODEL + ["core/mysql", "core/pipe", "core/pipeline", "core/rules", "core/schema"],
    "core/standby": CONTRACT + ["common/daemon", "common/zk"],
    "core": MODEL + STAGES + DAEMON + ["core/pipeline", "core/preflight", "core/standby",
                                       "common/seal"],
    "server/http": CONTRACT + ["common/http"],
    "server/store": CONTRACT + DAEMON + ["common/seal"],
    "server/api": CONTRACT + DAEMON + ["common/seal", "server/http", "server/store"],
    "server/cli": CONTRACT,
    "server": CONTRACT + DAEMON + ["common/seal", "server/*"],
    "monitor/rules": CONTRACT,
    "monitor/notify": CONTRACT,
    "monitor": CONTRACT + DAEMON + ["monitor/*"],
}

# Pure: bytes and nouns in, bytes and nouns out.
PURE = ["core/binlog", "core/charset", "core/envelope", "core/model", "core/rules"]
IMPURE_FOLDERS = ["common/os"]
IMPURE_CALLS = re.compile(
    r"\b(clock_wall|clock_boot|clock_read_usec|clock_gettime|gettimeofday|time|sleep|usleep|"
    r"nanosleep|poll|printf|fprintf|open|fopen|pthread_\w+)\s*\(")

# Foreign headers: who may include them. A header that matches no line is the C library's.
FOREIGN = [
    (r"mysql(/.*)?\.h|mysql/.*|errmsg\.h|mysqld_error\.h|ma_.*\.h|mariadb.*", ["core/mysql"]),
    (r"librdkafka/.*|rdkafka.*\.h", ["core/pipe", "server/tail"]),
    (r"zookeeper/.*|zookeeper.*\.h", ["common/zk"]),
    (r"curl/.*", ["monitor/notify", "server/cli"]),
    (r"microhttpd\.h", ["common/http"]),
    (r"systemd/.*", ["common/daemon", "core", "core/standby", "server", "monitor"]),
    (r"openssl/.*", ["common/seal", "common/zk", "core/mysql", "core/rules", "server/store"]),
    (r"double-conversion/.*", ["common/base"]),
    (r"ini\.h", ["common/config"]),
    (r"jansson\.h", ["common/daemon", "common/view", "core/preflight", "common/config", "common/contract", "common/seal", "common/zk",
                     "core", "core/progress", "core/standby", "core/consumer",
                     "server", "server/*", "monitor", "monitor/*"]),
]

# The library of a linked package, for the same folders.
FOREIGN_LINKS = {
    "PkgConfig::MARIADB": ["core/mysql"],
    "PkgConfig::RDKAFKA": ["core/pipe", "server/tail"],
    "PkgConfig::ZOOKEEPER": ["common/zk"],
    "PkgConfig::CURL": ["monitor/notify", "server/cli"],
    "PkgConfig::MICROHTTPD": ["common/http"],
    "PkgConfig::CRYPTO": ["common/seal", "common/zk", "core/mysql", "core/rules", "server/store"],
}

TOP = ["common", "core", "server", "monitor", "tests", "cmake", "deploy", "docs"]
SKIPPED_FOLDERS = {".git", "__pycache__", "node_modules"}
C_FILES = (".c", ".h", ".cc")
TEXT_FILES = C_FILES + (".def", ".py", ".sh", ".cmake", "CMakeLists.txt", ".md", ".js", ".css",
                        ".html")
MAX_LINES = 800

# Put together, so that this file does not contain what it looks for.
LATER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
MACHINE = re.compile(r"(?<![\w.~])/(?:home|root|Users)/\w+/")

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def read_lines(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as f:
        return f.read().split("\n")


def walk(root):
    """Paths of the project's files, relative to root, in order."""
    found = [f for f in os.listdir(root) if os.path.isfile(os.path.join(root, f))]
    for top in TOP:
        for folder, folders, files in os.walk(os.path.join(root, top)):
            folders[:] = sorted(d for d in folders if d not in SKIPPED_FOLDERS)
            found += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return sorted(found)


def in_list(folder, entries):
    """Whether an entry names the folder; `server/*` names each folder in server."""
    parent = os.path.dirname(folder)
    return folder in entries or (parent and parent + "/*" in entries)


def allowed_for(folder):
    """What the folder may include, or None when the folder is not known."""
    parent = os.path.dirname(folder)
    return ALLOWED.get(folder, ALLOWED.get(parent + "/*") if parent else None)


def included_folders(lines):
    """(line number, folder, header) of each project header; folder None: a foreign one."""
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match and match.group(1):
            yield number, os.path.dirname(match.group(1)), match.group(1)
        elif match:
            yield number, None, match.group(2)


def check_arrows(root, path, lines):
    folder = os.path.dirname(path)
    allowed = allowed_for(folder)
    if allowed is None:
        yield 1, f"folder {folder} has no place among the arrows: add it to lint.py"
        return
    for number, target, header in included_folders(lines):
        if target is None:
            for pattern, homes in FOREIGN:
                if re.fullmatch(pattern, header) and not in_list(folder, homes):
                    yield number, f"<{header}> may only be included in {', '.join(homes)}"
        elif not os.path.exists(os.path.join(root, header)):
            yield number, f'"{header}" is not a path from the repository\'s root'
        elif target != folder and not in_list(target, allowed):
            yield number, f"{folder} may not include {target} ({header})"
        elif target != folder and header.endswith("_priv.h"):
            yield number, f"{header} is private to its folder"
        if target and folder in PURE and target in IMPURE_FOLDERS:
            yield number, f"{folder} is pure: it may not include {target}"


def strip_comments(lines):
    """The lines without comments and strings, so that only code is matched."""
    text = "\n".join(lines)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text).split("\n")


def check_purity(path, lines):
    if os.path.dirname(path) not in PURE:
        return
    for number, line in enumerate(strip_comments(lines), 1):
        match = IMPURE_CALLS.search(line)
        if match:
            yield number, f"a pure folder may not call {match.group(1)}()"


def check_head(path, lines):
    """`/* name.c - its job` or `/*` and that on the next line."""
    name = re.escape(os.path.basename(path))
    start = "\n".join(lines[:2])
    if not re.match(rf"/\*(?:\n \*)? {name} - \S", start):
        yield 1, f"the file does not begin with a comment `{os.path.basename(path)} - its job`"


def check_text(path, lines):
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if LATER.search(line):
            yield number, "something is left for later"
        if MACHINE.search(line):
            yield number, "a path of one machine"
    if lines and lines[-1] != "":
        yield len(lines), "the last line has no end"
    if not path.endswith(".md") and len(lines) - 1 > MAX_LINES:
        yield MAX_LINES, f"over {MAX_LINES} lines"


class Library:
    def __init__(self, name, folder, sources, links, line):
        self.name, self.folder, self.line = name, folder, line
        self.sources, self.links = sources, links


def cmake_calls(lines, function):
    """(line number, words) of each call of a CMake function."""
    text = "\n".join(re.sub(r"#.*", "", line) for line in lines)
    for match in re.finditer(rf"\b{function}\s*\(([^)]*)\)", text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1).split()


def libraries(root, paths):
    for path in paths:
        if os.path.basename(path) != "CMakeLists.txt":
            continue
        lines = read_lines(os.path.join(root, path))
        for line, words in cmake_calls(lines, "mr_library"):
            parts, part = {"SOURCES": [], "LINK": []}, None
            for word in words[1:]:
                if word in parts:
                    part = parts[word]
                elif part is not None:
                    part.append(word)
            yield Library(words[0], os.path.dirname(path), parts["SOURCES"], parts["LINK"], line)


def reachable(library, by_name):
    """Folders whose libraries are linked, directly or through another."""
    seen, todo = set(), [library.name]
    while todo:
        name = todo.pop()
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        todo += by_name[name].links
    return {by_name[name].folder for name in seen}


def check_links(root, paths):
    """(path, line, message) where link lines and includes disagree."""
    found = list(libraries(root, paths))
    by_name = {library.name: library for library in found}
    with_library = {library.folder for library in found}
    for library in found:
        folder, where = library.folder, os.path.join(library.folder, "CMakeLists.txt")
        needed = {}
        for path in paths:
            if os.path.dirname(path) != folder or not path.endswith(C_FILES):
                continue
            for number, target, _ in included_folders(read_lines(os.path.join(root, path))):
                if target and target != folder:
                    needed.setdefault(target, f"{path}:{number}")
        linked = reachable(library, by_name)
        for target, at in sorted(needed.items()):
            if target in with_library and target not in linked:
                yield where, library.line, f"{library.name} includes {target} ({at}) and does not link it"
        for link in library.links:
            if link in by_name and not in_list(by_name[link].folder, allowed_for(folder) or []):
                yield where, library.line, f"{library.name} may not link {link}"
            homes = FOREIGN_LINKS.get(link)
            if homes and not in_list(folder, homes):
                yield where, library.line, f"only {', '.join(homes)} may link {link}"


def check_sources(root, paths):
    """(path, line, message) of C files that no CMakeLists.txt of their folder names."""
    for path in paths:
        folder, name = os.path.split(path)
        if not path.endswith((".c", ".cc")):
            continue
        cmake = os.path.join(folder, "CMakeLists.txt")
        words = re.split(r"[\s()/]+", "\n".join(
            re.sub(r"#.*", "", line) for line in read_lines(os.path.join(root, cmake)))
            if os.path.exists(os.path.join(root, cmake)) else "")
        if name not in words and not named_elsewhere(root, paths, name):
            yield path, 1, f"{cmake} does not build it"


def named_elsewhere(root, paths, name):
    """Files that other folders' targets share, such as the runner of fuzz corpora."""
    return any(path.endswith(".cmake") and name in "\n".join(read_lines(os.path.join(root, path)))
               for path in paths)


def lint(root):
    """Everything wrong with the tree at root, as (path, line, message)."""
    paths = walk(root)
    for path in paths:
        if not path.endswith(TEXT_FILES):
            continue
        lines = read_lines(os.path.join(root, path))
        rules = [check_text(path, lines)]
        if path.endswith(C_FILES):
            rules.append(check_head(path, lines))
            if not path.startswith("tests/"):
                rules += [check_arrows(root, path, lines), check_purity(path, lines)]
        for rule in rules:
            for number, message in rule:
                yield path, number, message
    yield from check_links(root, paths)
    yield from check_sources(root, paths)


def main(argv):
    root = argv[1] if len(argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    found = 0
    for path, line, message in lint(os.path.abspath(root)):
        print(f"{path}:{line}: {message}")
        found += 1
    print(f"lint: {found} found" if found else "lint: nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
