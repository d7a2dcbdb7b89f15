"""OpenSearch or Elasticsearch from its official image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...runtimes.containers.machine import ContainerMachine

if TYPE_CHECKING:
    from ...runtimes.containers import ContainerRuntime

IMAGES = {
    "opensearch": "opensearchproject/opensearch:3.8.0",
    "elasticsearch": "elasticsearch:9.5.3",
}
# both images bring modules that a process of the labs does without
JAVA = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1"


class Container(ContainerMachine):
    """engine: "opensearch" or "elasticsearch"; settings: of the node."""

    image = IMAGES["opensearch"]
    port_inside = 9200
    stop_within = 15

    def __init__(
        self,
        runtime: ContainerRuntime,
        name: str,
        engine: str,
        settings: dict[str, str],
    ) -> None:
        super().__init__(runtime, name)
        self.engine = engine
        self.image = IMAGES[engine]
        self.settings = settings

    def files(self) -> dict[str, str]:
        return {}

    def environment(self) -> dict[str, str]:
        """Both images take settings from variables with their names, which have dots.

        OpenSearch's own security wants certificates, and without it the node is open,
        as it is as a process. Elasticsearch's asks for a password alone; the image
        takes it from a file only where that is closed to the account that copies it in.
        """
        if self.engine == "opensearch":
            return {
                **self.settings,
                "OPENSEARCH_JAVA_OPTS": JAVA,
                "DISABLE_SECURITY_PLUGIN": "true",
                "DISABLE_INSTALL_DEMO_CONFIG": "true",
                "DISABLE_PERFORMANCE_ANALYZER_AGENT_CLI": "true",
            }
        return {
            **self.settings,
            "ES_JAVA_OPTS": JAVA,
            "ELASTIC_PASSWORD": self.password,
            "xpack.security.http.ssl.enabled": "false",
            "xpack.ml.enabled": "false",  # takes memory of its own
        }
