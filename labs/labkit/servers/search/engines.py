"""Which engine answers, OpenSearch or Elasticsearch, and its client.

The labs keep to what both clients share: keywords alone, and the request in `body`.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from ...runtimes import RuntimeUnavailable

CHOICE = "LABS_SEARCH"
PRODUCTS = {"opensearch": "OpenSearch", "elasticsearch": "Elasticsearch"}
USER = "elastic"  # Elasticsearch has it from its start

# A broken connection is what some labs are about: it belongs in the history, not on
# standard error.
for name in ("opensearch", "elastic_transport.node_pool", "elastic_transport"):
    logging.getLogger(name).setLevel(logging.CRITICAL)


def chosen() -> str:
    """The engine that LABS_SEARCH names, else "opensearch"."""
    asked = os.environ.get(CHOICE, "").strip().lower() or "opensearch"
    if asked not in PRODUCTS:
        raise RuntimeUnavailable(
            f"{CHOICE} is {asked!r}, which is no search engine of the labs. "
            f"Use {' or '.join(PRODUCTS)}, or leave it unset."
        )
    return asked


def connect(
    engine: str, address: tuple[str, int], password: str, timeout: float
) -> Any:
    """A client that tries everything once. timeout: seconds for an answer."""
    host, port = address
    if engine == "elasticsearch":
        from elasticsearch import Elasticsearch

        return Elasticsearch(
            f"http://{host}:{port}",
            basic_auth=(USER, password),
            request_timeout=timeout,
            max_retries=0,
        )
    from opensearchpy import OpenSearch

    return OpenSearch(
        hosts=[{"host": host, "port": port}], timeout=timeout, max_retries=0
    )


def errors(engine: str) -> tuple[type[Exception], ...]:
    """All that its client raises for an answer that is an error, or for none."""
    if engine == "elasticsearch":
        from elasticsearch import ApiError, TransportError

        return (ApiError, TransportError)
    from opensearchpy.exceptions import OpenSearchException

    return (OpenSearchException,)
