"""What Kafka and ZooKeeper have in common: a Java process on its own class path."""

import pathlib
import shutil

from .errors import SandboxError

# One small heap, and no time spent on compiling what runs for minutes only.
FLAGS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
         "-Djava.awt.headless=true", "-XX:-UsePerfData",
         # Kafka's log: with times, and without the threads' long names.
         "-Dorg.slf4j.simpleLogger.showDateTime=true",
         "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
         "-Dorg.slf4j.simpleLogger.showThreadName=false",
         "-Dorg.slf4j.simpleLogger.showShortLogName=true"]


def argv(jars: pathlib.Path, main_class: str, heap: str, tmp: pathlib.Path,
         *arguments) -> list[str]:
    """The words that run a class with every archive of a folder.

    `tmp` takes the native libraries that archives unpack, which a killed process
    would leave behind in /tmp.
    """
    java = shutil.which("java")
    if java is None:
        raise SandboxError("there is no Java: apt-get install openjdk-17-jre-headless")
    return [java, f"-Xmx{heap}", f"-Djava.io.tmpdir={tmp}", *FLAGS, "-cp", f"{jars}/*", main_class,
            *map(str, arguments)]
