"""Apache Kafka's jars: fetched once by Maven into the user's cache, and what is needed to run them.

Several processes may want them at once: one fetches, the others wait for it at a lock. Fetched into a folder beside it
and renamed, so a folder that is there is complete.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from loadgen.errors import Unreachable, UsageError

KAFKA_VERSION = "4.3.0"
LOG4J_VERSION = "2.25.4"  # the version that Kafka 4.3.0 itself brings; without this binding it logs nothing
FETCH_WITHIN_S = 600.0
JAVA_AT_LEAST = 17
INSTALL = "install them (Debian, Ubuntu: apt-get install openjdk-17-jre-headless maven), or start Docker or Podman"

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>loadgen</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{LOG4J_VERSION}</version></dependency>
  </dependencies>
</project>
"""


def cache_folder() -> Path:
    """Where the jars are kept: `loadgen/kafka-<version>` in XDG_CACHE_HOME, by default ~/.cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "loadgen" / f"kafka-{KAFKA_VERSION}"


def kafka_classpath() -> str:
    """The class path of Kafka's server and tools; fetches the jars when they are not in the cache.

    With it Kafka's own tools run too: `java -cp … org.apache.kafka.tools.ProducerPerformance`.

    Raises:
        UsageError: Maven is needed and missing.
        Unreachable: Maven could not fetch them.
    """
    folder = cache_folder()
    if not folder.is_dir():
        _fetch(folder)
    return str(folder / "*")


def require_java() -> str:
    """The path of a Java that runs Kafka.

    Raises:
        UsageError: it or, when the jars are not here yet, Maven is missing; both are named at once.
    """
    needed = ["java"] if cache_folder().is_dir() else ["java", "mvn"]
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        names = {"java": f"Java {JAVA_AT_LEAST} or newer", "mvn": "Maven"}
        wanted = " and ".join(names[name] for name in missing)
        raise UsageError(f"a local Kafka needs {wanted}, not found on PATH, and no container engine answers; {INSTALL}")
    return str(shutil.which("java"))


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise UsageError(f"Kafka's jars are not in {folder} and Maven, which fetches them, is missing; {INSTALL}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f"{folder.name}.lock").open("w")
    except OSError as error:
        remedy = "set XDG_CACHE_HOME to a folder that can be written"
        raise UsageError(f"{folder.parent}: {error.strerror}; {remedy}") from None
    with lock, tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as made:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when the file is closed, by a death too
        if folder.is_dir():
            return  # somebody else was first
        pom = Path(made) / "pom.xml"
        pom.write_text(_POM, "utf-8")
        jars = Path(made) / "jars"
        command = [maven, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        try:
            fetched = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_WITHIN_S, check=False)
        except subprocess.TimeoutExpired:
            raise Unreachable(f"Maven did not fetch Kafka {KAFKA_VERSION} within {FETCH_WITHIN_S:g} s") from None
        if fetched.returncode or not jars.is_dir():
            words = [line for line in (fetched.stdout + fetched.stderr).splitlines() if "ERROR" in line]
            why = words[0] if words else f"it ended with code {fetched.returncode} and no reason"
            raise Unreachable(f"Maven could not fetch Kafka {KAFKA_VERSION}: {why}")
        jars.rename(folder)
