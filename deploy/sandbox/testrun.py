"""tests/run: builds, and runs every kind of test the project has.

Stages, in order: the machine, the builds (while servers are downloaded), unit
and corpus tests by ctest on the release and the sanitizer build, integration
tests by pytest on the release build, those that measure by themselves, and
those marked `sanitize` on the sanitizer build. A stage that fails does not
stop the ones that can still run. The last line counts all tests.

Results are read from the JUnit files that ctest and pytest write, so that what
is counted is what ran.
"""

import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
# pylint: disable=wrong-import-position
from sandbox import SandboxError, build, cli, host, paths, ports, prometheus, steps  # noqa: E402
from sandbox import stop_on_signals  # noqa: E402

INTEGRATION = build.CHECKOUT / "tests/integration"
SERVERS = tuple(kind for kind in cli.KINDS if kind != "zookeeper-3")
PACKAGES = (*host.BUILD_PACKAGES, *host.TEST_PACKAGES, *host.UNIT_TEST_PACKAGES,
            *host.CLIENT_PACKAGES, *host.MAVEN_PACKAGES)
DISK_MB, MEMORY_MB = 5000, 3000
RESULTS = build.BUILD / "test-results"
FUZZ_SECONDS = 60
NO_TESTS_COLLECTED = 5  # pytest's exit status
WORKERS = 2

# A sanitizer's finding must end the program with a status that no test takes
# for the program's own answer.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
}
SANITIZER_PATIENCE = "3"


@dataclasses.dataclass
class Counts:
    """What one stage's tests did."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: "Counts") -> None:
        """Sum up."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def main() -> int:
    """Run; the exit status."""
    parser = argparse.ArgumentParser(
        prog="tests/run", description="Build mysql-replicator and run its tests.")
    parser.add_argument("--full", action="store_true",
                        help="everything: also slow tests and a time of real fuzzing")
    parser.add_argument("--only", action="append", choices=list(STAGES), metavar="STAGE",
                        help="only these stages, and the builds they need: " + " ".join(STAGES))
    parser.add_argument("-k", metavar="EXPR", dest="expression", default="",
                        help="of the integration tests only those that pytest's -k would choose")
    parser.add_argument("--allow-skips", action="store_true",
                        help="skipped tests do not fail the run")
    parser.add_argument("--clean", action="store_true",
                        help="remove the build and all downloads, and do nothing else")
    options = parser.parse_args()
    stop_on_signals()
    progress = steps.Progress()
    try:
        with steps.single_copy(build.BUILD / ".tests-run.lock", "tests/run"):
            if options.clean:
                cli.clean()
                shutil.rmtree(build.BUILD, ignore_errors=True)
                return 0
            return Run(options, progress).all()
    except SandboxError as error:
        progress.say(f"failed: {error}")
    except KeyboardInterrupt:
        progress.say("interrupted")
        return 130
    print("0 passed, 1 failed, 0 skipped")
    return 1


class Run:
    """One run of tests/run."""

    def __init__(self, options, progress):
        self.options = options
        self.progress = progress
        self.names = options.only or [name for name in STAGES if name != "fuzz" or options.full]
        self.rows = []  # (stage, Counts, seconds, note)
        self.python = None

    def all(self) -> int:
        """Every stage; the exit status."""
        progress = self.progress
        flavors = list(dict.fromkeys(flavor for name in self.names
                                     for flavor in STAGES[name][1]))
        integration = any(name in ("integration", "measure", "sanitize") for name in self.names)
        shutil.rmtree(RESULTS, ignore_errors=True)
        RESULTS.mkdir(parents=True)
        with progress.stage("looking at the machine"):
            host.preflight(paths.cache_dir(), DISK_MB, MEMORY_MB)
            host.preflight(build.CHECKOUT, 2000, 0)
            self._check_ports()
            host.ensure_packages(PACKAGES, progress.say)
        fetched = steps.in_background(self._fetch) if integration else lambda: None
        broken = {}
        for flavor in flavors:
            try:
                with progress.stage(f"building {flavor}"):
                    build.build(flavor, progress)
            except SandboxError as error:
                progress.say(str(error))
                broken[flavor] = True
                self.rows.append((f"build {flavor}", Counts(failed=1), 0.0, "does not build"))
        with progress.stage("waiting for downloads"):
            fetched()
        for name in self.names:
            function, needs = STAGES[name]
            if any(flavor in broken for flavor in needs):
                self.rows.append((name, Counts(failed=1), 0.0, "not run: no build"))
                continue
            with progress.stage(name) as row:
                try:
                    counts, note = function(self)
                except SandboxError as error:
                    progress.say(str(error))
                    counts, note = Counts(failed=1), "see above"
                row[2] = "failed" if counts.failed else "ok"
            self.rows.append((name, counts, progress.stages[-1][1], note))
        return self._summary()

    @staticmethod
    def _check_ports() -> None:
        """A dozen free loopback ports: what one worker's servers take."""
        taken = ports.Ports()
        for _ in range(12):
            taken.take()
        taken.release_all()

    def _fetch(self) -> None:
        """Everything the integration tests need and that is not built here."""
        cli.fetch_all(SERVERS, self.progress.say)
        prometheus.promtool(self.progress.say)
        self.python = virtual_environment(self.progress)

    def _summary(self) -> int:
        total = Counts()
        print()
        print(f"{'stage':<22}{'time':>9}  result")
        for name, seconds, outcome in self.progress.stages:
            if not any(row[0] == name for row in self.rows):
                print(f"{name:<22.22}{seconds:>7.1f} s  {outcome}")
        for name, counts, seconds, note in self.rows:
            total.add(counts)
            print(f"{name:<22.22}{seconds:>7.1f} s  {counts}{'  ' + note if note else ''}")
        print(f"{'all':<22}{self.progress.seconds:>7.1f} s")
        failed = total.failed > 0 or total.passed == 0
        if total.skipped and not self.options.allow_skips:
            print("skipped tests fail the run; --allow-skips lets them be")
            failed = True
        print(total)
        return 1 if failed else 0

    # The stages. Each returns its Counts and a note for the table.

    def ctest(self, flavor: str, env=None):
        """Unit tests, corpus and lint of a build."""
        results = RESULTS / f"ctest-{flavor}.xml"
        status = steps.run(
            ["ctest", "--test-dir", build.folder(flavor), "--parallel", os.cpu_count() or 2,
             "--output-on-failure", "--timeout", "300", "--no-tests=error",
             "--output-junit", results],
            build.BUILD / f"ctest-{flavor}.log", progress=self.progress, cwd=build.CHECKOUT,
            env=env, timeout=1800, stream=True)
        return _counted(results, status, "ctest")

    def pytest(self, name: str, marks: str, workers: int, env=None):
        """Integration tests that a marker expression chooses."""
        results = RESULTS / f"{name}.xml"
        words = [self.python, "-m", "pytest", INTEGRATION, "-q", f"--junitxml={results}",
                 "-m", marks, "-o", "junit_family=xunit1", "--durations=8"]
        if workers > 1:
            # Contiguous shares: tests stand in the order of their servers, so each
            # worker starts few of them.
            words += ["-n", str(workers), "--dist", "worksteal"]
        if self.options.expression:
            words += ["-k", self.options.expression]
        status = steps.run(
            words, build.BUILD / f"{name}.log", progress=self.progress, cwd=INTEGRATION,
            env={"PYTHONDONTWRITEBYTECODE": "1", "MR_CORE": str(build.core()), **(env or {})},
            timeout=3600, stream=True)
        if status == NO_TESTS_COLLECTED:
            return Counts(), "none chosen"
        return _counted(results, status, "pytest")

    def _not_full(self, marks: str) -> str:
        return marks if self.options.full else f"{marks} and not full"

    def unit(self):
        """ctest of the release build."""
        return self.ctest("release")

    def unit_sanitized(self):
        """ctest of the sanitizer build."""
        return self.ctest("asan", SANITIZER_ENV)

    def integration(self):
        """Integration tests on the release build, several at a time."""
        return self.pytest("integration", self._not_full("not alone"), WORKERS)

    def measure(self):
        """Integration tests that measure, one at a time with nothing beside them."""
        return self.pytest("measure", self._not_full("alone"), 1)

    def sanitize(self):
        """Integration tests marked so, on the sanitizer build."""
        return self.pytest("sanitize", self._not_full("sanitize"), WORKERS,
                           {**SANITIZER_ENV, "MR_CORE": str(build.core("asan")),
                            "MR_TEST_PATIENCE": SANITIZER_PATIENCE})

    def fuzz(self):
        """Every libFuzzer target for a while, from a copy of its corpus."""
        targets = sorted(path for path in build.folder("fuzz").rglob("fuzz_*")
                         if path.is_file() and os.access(path, os.X_OK))
        seeds = _corpora(build.folder("fuzz"))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
            found = [name for name in workers.map(
                lambda target: self._fuzz_one(target, seeds), targets) if name]
        for name in found:
            self.progress.say(f"{name} found something: see build/{name}.log, and the input "
                              f"in build/fuzz-corpus/{name}-*")
        return (Counts(passed=len(targets) - len(found), failed=len(found)),
                f"{FUZZ_SECONDS} s a target")

    def _fuzz_one(self, target: pathlib.Path, seeds: dict) -> str | None:
        """Run a target; its name if it found something."""
        stem = target.name.removeprefix("fuzz_")
        corpus = build.BUILD / "fuzz-corpus" / target.name
        corpus.mkdir(parents=True, exist_ok=True)
        log = build.BUILD / f"{target.name}.log"
        log.unlink(missing_ok=True)
        status = steps.run(
            [target, f"-max_total_time={FUZZ_SECONDS}", "-rss_limit_mb=1024", "-timeout=10",
             "-print_final_stats=1", f"-artifact_prefix={corpus}-", corpus,
             *seeds.get(stem, [])],
            log, progress=self.progress, cwd=build.BUILD, env=SANITIZER_ENV,
            timeout=FUZZ_SECONDS + 120)
        return target.name if status != 0 else None


# Name: how it runs, and the builds it needs. In the order of running.
STAGES = {
    "unit": (Run.unit, ("release",)),
    "unit-sanitized": (Run.unit_sanitized, ("asan",)),
    "integration": (Run.integration, ("release",)),
    "measure": (Run.measure, ("release",)),
    "sanitize": (Run.sanitize, ("asan",)),
    "fuzz": (Run.fuzz, ("fuzz",)),
}


def _corpora(folder: pathlib.Path) -> dict[str, list[str]]:
    """{target: its corpus}, as ctest of that build runs corpus_TARGET over it."""
    done = subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          check=True)
    return {test["name"].removeprefix("corpus_"): test["command"][1:]
            for test in json.loads(done.stdout)["tests"] if test["name"].startswith("corpus_")}


def _counted(results: pathlib.Path, status: int, runner: str):
    """The counts in a JUnit file; a runner that failed without a failed test is a failure."""
    counts = Counts()
    note = ""
    if results.exists():
        for case in xml.etree.ElementTree.parse(results).iter("testcase"):
            # ctest says "run", "fail" or "notrun" in an attribute, pytest by an element.
            verdict = case.get("status")
            if case.find("failure") is not None or case.find("error") is not None \
                    or verdict == "fail":
                counts.failed += 1
            elif case.find("skipped") is not None or verdict in ("notrun", "disabled"):
                counts.skipped += 1
            else:
                counts.passed += 1
    if status != 0 and counts.failed == 0:
        counts.failed += 1
        note = f"{runner} ended with status {status}"
    return counts, note


def virtual_environment(progress) -> pathlib.Path:
    """A Python with what the tests import, of versions and sums that requirements.txt pins."""
    requirements = INTEGRATION / "requirements.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    target = paths.cache_dir() / "venv" / key
    with paths.locked(f"venv-{key}"):
        # Made in its place, because its scripts hold its path: the mark says it is whole.
        if not (target / ".complete").exists():
            progress.say("making the tests' Python environment")
            shutil.rmtree(target, ignore_errors=True)
            for words in ([sys.executable, "-I", "-m", "venv", target],
                          [target / "bin/python", "-m", "pip", "install", "--quiet",
                           "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:",
                           "-r", requirements]):
                done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=900,
                                      check=False)
                if done.returncode != 0:
                    tail = "\n".join(done.stdout.splitlines()[-15:])
                    raise SandboxError(f"{' '.join(map(str, words[:4]))} failed:\n{tail}\n"
                                       "Is the machine connected?")
            (target / ".complete").touch()
    return target / "bin/python"


if __name__ == "__main__":
    sys.exit(main())
