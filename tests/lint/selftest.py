#!/usr/bin/env python3
"""selftest.py - shows that lint.py passes a good tree and that each of its rules can fail.

Makes a small project in a temporary folder; each case changes one file of it, in one way,
and names what lint.py must then say, and where. Standard library only.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lint  # noqa: E402

GOOD = {
    "CMakeLists.txt": "# top\n",
    "common/base/CMakeLists.txt": "mr_library(mr_base SOURCES buf.c double.cc LINK m)\n",
    "common/base/buf.h": "/* buf.h - a buffer. */\n#include <stdint.h>\n",
    "common/base/buf.c": '/* buf.c - see buf.h. */\n#include "common/base/buf.h"\n',
    "common/base/double.cc": "/*\n * double.cc - text of doubles.\n */\n"
                             "#include <double-conversion/double-conversion.h>\n",
    "common/os/CMakeLists.txt": "mr_library(mr_os SOURCES log.c LINK mr_base)\n",
    "common/os/log.h": "/* log.h - a log. */\n",
    "common/os/log.c": '/* log.c - see log.h. */\n#include "common/os/log.h"\n'
                       '#include "common/base/buf.h"\n',
    "core/model/CMakeLists.txt": "mr_library(mr_model SOURCES row.c LINK mr_base)\n",
    "core/model/row.h": "/* row.h - a row. */\n",
    "core/model/row.c": '/* row.c - see row.h. */\n#include "common/base/buf.h"\n',
    "core/binlog/CMakeLists.txt": "mr_library(mr_binlog\n  # the reader\n  SOURCES rows.c\n"
                                  "  LINK mr_model)\n",
    "core/binlog/rows.h": "/* rows.h - rows. */\n",
    "core/binlog/rows_priv.h": "/* rows_priv.h - what this folder shares. */\n",
    "core/binlog/rows.c": '/* rows.c - see rows.h. It has no time(): "time(" is text. */\n'
                          '#include "core/binlog/rows_priv.h"\n#include "core/model/row.h"\n'
                          '#include "common/base/buf.h"\nconst char *t = "time(";\n',
    "core/mysql/CMakeLists.txt": "mr_library(mr_mysql SOURCES dump.c LINK mr_model "
                                 "PkgConfig::MARIADB)\n",
    "core/mysql/dump.h": "/* dump.h - a dump. */\n",
    "core/mysql/dump.c": "/* dump.c - see dump.h. */\n#include <mysql.h>\n#include <errmsg.h>\n",
    "core/pipe/CMakeLists.txt": "mr_library(mr_pipe SOURCES kafka.c LINK mr_model mr_os "
                                "PkgConfig::RDKAFKA)\n",
    "core/pipe/kafka.c": "/* kafka.c - the pipe. */\n#include <librdkafka/rdkafka.h>\n"
                         '#include "common/os/log.h"\n',
    "core/pipeline/CMakeLists.txt": "mr_library(mr_pipeline SOURCES capture.c "
                                    "LINK mr_mysql mr_binlog mr_pipe)\n",
    "core/pipeline/capture.c": '/* capture.c - source to pipe. */\n#include "core/mysql/dump.h"\n'
                               '#include "core/binlog/rows.h"\n#include "core/model/row.h"\n',
    "core/CMakeLists.txt": "add_executable(mr-core main.c)\n",
    "core/main.c": '/* main.c - the program. */\n#include "common/os/log.h"\n',
    "tests/unit/model/CMakeLists.txt": "mr_test(row_test SOURCES row_test.c LINK mr_model)\n",
    "tests/unit/model/row_test.c": '/* row_test.c - rows. */\n#include "core/binlog/rows_priv.h"\n',
    "docs/page.md": "# A page\n\n" + "a line\n" * 900,
}

# name: (file, its text or a function of its good text, where, what is said)
BAD = {
    "a lower folder includes a higher one": (
        "common/base/buf.c", lambda t: t + '#include "common/os/log.h"\n',
        "common/base/buf.c:3", "common/base may not include common/os"),
    "the model includes a stage": (
        "core/model/row.c", lambda t: t + '#include "core/binlog/rows.h"\n',
        "core/model/row.c:3", "core/model may not include core/binlog"),
    "a stage includes another": (
        "core/binlog/rows.c", lambda t: t + '#include "core/mysql/dump.h"\n',
        "core/binlog/rows.c:6", "core/binlog may not include core/mysql"),
    "a stage includes the pipeline": (
        "core/pipe/kafka.c", lambda t: t + '#include "core/pipeline/capture.c"\n',
        "core/pipe/kafka.c:4", "core/pipe may not include core/pipeline"),
    "common includes core": (
        "common/os/log.c", lambda t: t + '#include "core/model/row.h"\n',
        "common/os/log.c:4", "common/os may not include core/model"),
    "a header includes wrongly": (
        "core/model/row.h", lambda t: t + '#include "core/mysql/dump.h"\n',
        "core/model/row.h:2", "core/model may not include core/mysql"),
    "spaces do not hide an include": (
        "core/model/row.h", lambda t: t + '  #  include   "core/mysql/dump.h"\n',
        "core/model/row.h:2", "core/model may not include core/mysql"),
    "a private header of another folder": (
        "core/pipeline/capture.c", lambda t: t + '#include "core/binlog/rows_priv.h"\n',
        "core/pipeline/capture.c:5", "rows_priv.h is private to its folder"),
    "an include beside the root": (
        "core/model/row.c", lambda t: t + '#include "row.h"\n',
        "core/model/row.c:3", '"row.h" is not a path from the repository\'s root'),
    "mysql.h elsewhere": (
        "core/binlog/rows.c", lambda t: t + "#include <mysql.h>\n",
        "core/binlog/rows.c:6", "<mysql.h> may only be included in core/mysql"),
    "mysql/mysql.h elsewhere": (
        "core/main.c", lambda t: t + "#include <mysql/mysql.h>\n",
        "core/main.c:3", "<mysql/mysql.h> may only be included in core/mysql"),
    "rdkafka.h elsewhere": (
        "core/pipeline/capture.c", lambda t: t + "#include <librdkafka/rdkafka.h>\n",
        "core/pipeline/capture.c:5", "may only be included in core/pipe"),
    "zookeeper.h elsewhere": (
        "core/main.c", lambda t: t + "#include <zookeeper/zookeeper.h>\n",
        "core/main.c:3", "may only be included in common/zk"),
    "curl.h elsewhere": (
        "core/main.c", lambda t: t + "#include <curl/curl.h>\n",
        "core/main.c:3", "may only be included in monitor/notify"),
    "jansson.h on the hot path": (
        "core/binlog/rows.c", lambda t: t + "#include <jansson.h>\n",
        "core/binlog/rows.c:6", "<jansson.h> may only be included in"),
    "a folder nobody placed": (
        "core/surprise/a.c", "/* a.c - new. */\n",
        "core/surprise/a.c:1", "folder core/surprise has no place among the arrows"),
    "a pure folder logs": (
        "core/binlog/rows.c", lambda t: t + '#include "common/os/log.h"\n',
        "core/binlog/rows.c:6", "core/binlog is pure"),
    "a pure folder reads a clock": (
        "core/binlog/rows.c", lambda t: t + "long now(void) { return clock_wall(); }\n",
        "core/binlog/rows.c:6", "a pure folder may not call clock_wall()"),
    "a pure folder prints": (
        "core/model/row.c", lambda t: t + "void f(void) { printf(\"x\"); }\n",
        "core/model/row.c:3", "a pure folder may not call printf()"),
    "no head": (
        "core/model/row.c", lambda t: t.split("\n", 1)[1],
        "core/model/row.c:1", "does not begin with a comment `row.c - its job`"),
    "a head that names another file": (
        "core/model/row.h", lambda t: t.replace("row.h", "table.h"),
        "core/model/row.h:1", "does not begin with a comment `row.h - its job`"),
    "a head without a job": (
        "core/model/row.h", "/* row.h */\n",
        "core/model/row.h:1", "does not begin with a comment `row.h - its job`"),
    "a test without a head": (
        "tests/unit/model/row_test.c", "int main(void);\n",
        "tests/unit/model/row_test.c:1", "does not begin with a comment"),
    "left for later": (
        "core/model/row.c", lambda t: t + "/* " + "TO" + "DO: more */\n",
        "core/model/row.c:3", "something is left for later"),
    "left for later in a page": (
        "docs/page.md", lambda t: t + "FIX" + "ME\n",
        "docs/page.md:903", "something is left for later"),
    "blanks at the end": (
        "core/model/row.c", lambda t: t + "int a; \n",
        "core/model/row.c:3", "blanks at the end of the line"),
    "a carriage return": (
        "core/model/row.c", lambda t: t + "int a;\r\n",
        "core/model/row.c:3", "blanks at the end of the line"),
    "no end of the last line": (
        "core/model/row.c", lambda t: t + "int a;",
        "core/model/row.c:3", "the last line has no end"),
    "a path of one machine": (
        "docs/page.md", lambda t: t + "see /ho" + "me/me/README\n",
        "docs/page.md:903", "a path of one machine"),
    "too long": (
        "core/model/row.c", lambda t: t + "\n" * 799,
        "core/model/row.c:800", "over 800 lines"),
    "a library that is not linked": (
        "core/pipeline/CMakeLists.txt", lambda t: t.replace("mr_binlog ", ""),
        "core/pipeline/CMakeLists.txt:1", "mr_pipeline includes core/binlog"),
    "an indirect link is lost": (
        "core/model/CMakeLists.txt", lambda t: t.replace(" LINK mr_base", ""),
        "core/binlog/CMakeLists.txt:1", "mr_binlog includes common/base"),
    "a link against the arrows": (
        "core/binlog/CMakeLists.txt", lambda t: t.replace("LINK mr_model", "LINK mr_model mr_mysql"),
        "core/binlog/CMakeLists.txt:1", "mr_binlog may not link mr_mysql"),
    "a link upwards": (
        "common/base/CMakeLists.txt", lambda t: t.replace("LINK m", "LINK m mr_os"),
        "common/base/CMakeLists.txt:1", "mr_base may not link mr_os"),
    "a foreign library elsewhere": (
        "core/binlog/CMakeLists.txt", lambda t: t.replace("mr_model", "mr_model PkgConfig::MARIADB"),
        "core/binlog/CMakeLists.txt:1", "only core/mysql may link PkgConfig::MARIADB"),
    "a file that nobody builds": (
        "core/model/table.c", "/* table.c - a table. */\n",
        "core/model/table.c:1", "core/model/CMakeLists.txt does not build it"),
    "a file that only a comment names": (
        "core/model/CMakeLists.txt", lambda t: "# row.c\n" + t.replace("row.c", ""),
        "core/model/row.c:1", "core/model/CMakeLists.txt does not build it"),
}


def write_tree(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="") as f:
            f.write(text)


def found_in(files):
    with tempfile.TemporaryDirectory(prefix="mr-lint-") as root:
        write_tree(root, files)
        return [f"{path}:{line}: {message}" for path, line, message in lint.lint(root)]


class Lint(unittest.TestCase):
    def test_a_good_tree_passes(self):
        self.assertEqual(found_in(GOOD), [])

    def test_each_rule_can_fail(self):
        for name, (path, change, where, message) in BAD.items():
            with self.subTest(name):
                text = change(GOOD[path]) if callable(change) else change
                self.assertNotEqual(text, GOOD.get(path), "the case changes nothing")
                found = found_in({**GOOD, path: text})
                said = [f for f in found if f.startswith(where + ": ")]
                self.assertTrue(any(message in f for f in said), f"{name}: {found}")

    def test_the_exit_status_tells(self):
        program = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lint.py")]
        for files, status in ((GOOD, 0), ({**GOOD, "core/main.c": "int main;\n"}, 1)):
            with tempfile.TemporaryDirectory(prefix="mr-lint-") as root:
                write_tree(root, files)
                done = subprocess.run(program + [root], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, status, done.stdout + done.stderr)
                self.assertRegex(done.stdout, re.compile(r"^lint: ", re.M))


if __name__ == "__main__":
    unittest.main()
