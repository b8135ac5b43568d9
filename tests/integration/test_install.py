"""cmake --install into an empty folder: what lies where, and that it works from there."""

import os
import pwd
import re
import stat
import subprocess

import pytest

from harness.core import SANITIZER_REPORT
from harness.install import Installed

PROGRAMS = ("mr-core", "mr-server", "mr-monitor", "mrctl")
DAEMONS = ("core", "server", "monitor")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An installation that these tests only read."""
    return Installed(tmp_path_factory.mktemp("install"))


def run(*argv, env=None) -> subprocess.CompletedProcess:
    """A command's end."""
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, **(env or {})})
    assert not SANITIZER_REPORT.search(done.stderr), done.stderr
    return done


def test_the_places_are_those_of_the_file_hierarchy_standard(installed):
    """Every file that is installed is where it belongs, and nothing else is."""
    prefix = re.escape(installed.prefix)
    places = (rf"{prefix}/bin/(mr-core|mr-server|mr-monitor|mrctl)",
              rf"{prefix}/lib/systemd/system/mr-(core|server|monitor)\.service",
              rf"{prefix}/lib/(sysusers|tmpfiles)\.d/mysql-replicator\.conf",
              r"/etc/mysql-replicator/(core|server|monitor)\.conf\.sample",
              rf"{prefix}/share/bash-completion/completions/mrctl",
              rf"{prefix}/share/doc/mysql-replicator/[\w.-]+")
    strange = [name for name in installed.files
               if not any(re.fullmatch(place, name) for place in places)]
    assert not strange
    for place in places:
        assert any(re.fullmatch(place, name) for name in installed.files), place
    for program in PROGRAMS:
        assert installed.path(f"bin/{program}").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_installed_program_runs_from_there(installed, program):
    """--version, from another folder and without the build's."""
    done = run(installed.path(f"bin/{program}"), "--version")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_sample_is_a_configuration_once_zookeeper_is_named(installed, daemon, tmp_path):
    """--check-config takes the sample with the one key that has no default, and no other word."""
    sample = installed.path(f"/etc/mysql-replicator/{daemon}.conf.sample").read_text()
    assert ";servers =" in sample
    config = tmp_path / f"{daemon}.conf"
    config.write_text(sample.replace(";servers =", "servers = zk1:2181", 1))
    program = installed.path(f"bin/mr-{daemon}")
    done = run(program, "--config", config, "--check-config")
    assert done.returncode == 0, done.stdout + done.stderr
    # A sample with each of its defaults written out means the same; sections of which there
    # may be several stand behind the others.
    head, several, tail = sample.partition("\n;[")
    spelt = re.sub(r"^;(\w+ = \S)", r"\1", head, flags=re.MULTILINE) + several + tail
    config.write_text(spelt.replace(";servers =", "servers = zk1:2181", 1))
    done = run(program, "--config", config, "--check-config")
    assert done.returncode == 0, done.stdout + done.stderr
    config.write_text(sample.replace("[zookeeper]", "[zookeeper]\nserver = zk1:2181", 1))
    done = run(program, "--config", config, "--check-config")
    assert done.returncode == 2
    assert "servers" in done.stderr  # the nearest known key


@pytest.mark.parametrize("daemon", DAEMONS)
def test_the_units_start_what_is_installed(installed, daemon):
    """ExecStart names the installed program and the configuration beside the sample."""
    unit = installed.path(f"lib/systemd/system/mr-{daemon}.service").read_text()
    assert (f"ExecStart={installed.prefix}/bin/mr-{daemon} "
            f"--config /etc/mysql-replicator/{daemon}.conf\n") in unit
    assert f"file:{installed.prefix}/share/doc/mysql-replicator/operations.md" in unit
    assert "@" not in re.sub(r"@(system-service|privileged|resources)", "", unit)


def test_the_account_is_made(installed):
    """systemd-sysusers takes the file."""
    path = installed.path("lib/sysusers.d/mysql-replicator.conf")
    done = run("systemd-sysusers", f"--root={installed.root}", "--dry-run", path)
    assert done.returncode == 0, done.stderr
    assert "'mysql-replicator'" in done.stderr or "mysql-replicator" in done.stdout


def test_folders_are_made_and_the_key_ring_is_closed(installed, tmp_path):
    """systemd-tmpfiles takes the file; with our own account in place of the daemons'."""
    text = installed.path("lib/tmpfiles.d/mysql-replicator.conf").read_text()
    me = pwd.getpwuid(os.geteuid()).pw_name
    config = tmp_path / "tmpfiles.conf"
    config.write_text("\n".join(
        " ".join([*fields[:3], me, "-", fields[5]]) for line in text.splitlines()
        if len(fields := line.split()) == 6 and not line.startswith("#")) + "\n")
    root = tmp_path / "root"
    etc = root / "etc/mysql-replicator"
    etc.mkdir(parents=True, mode=0o755)
    (root / "etc/passwd").write_text(f"{me}:x:{os.geteuid()}:{os.getegid()}::/:/bin/sh\n")
    (etc / "keys").write_text("k1 00\n")
    (etc / "keys").chmod(0o644)
    done = run("systemd-tmpfiles", f"--root={root}", "--create", config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stat.S_IMODE(etc.stat().st_mode) == 0o750
    assert stat.S_IMODE((etc / "secrets").stat().st_mode) == 0o750
    assert stat.S_IMODE((etc / "keys").stat().st_mode) == 0o400


def test_installing_again_keeps_what_the_operator_wrote(tmp_path):
    """No configuration of an operator's has a name that we install."""
    root = tmp_path / "root"
    Installed(root)
    config = root / "etc/mysql-replicator/core.conf"
    config.write_text("[core]\nhostname = mine\n")
    Installed(root)
    assert config.read_text() == "[core]\nhostname = mine\n"


def test_bash_completes_mrctl(installed):
    """The completion is loaded by bash, and offers commands and their words."""
    path = installed.path("share/bash-completion/completions/mrctl")
    script = f"""
        set -eu
        source {path}
        complete -p mrctl >/dev/null
        COMP_WORDS=(mrctl task st) COMP_CWORD=2 COMP_LINE='mrctl task st' COMP_POINT=13
        _mrctl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = run("bash", "-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["start", "stop"]
