"""One GET to an API server, with nothing retried: what a client saw."""

from __future__ import annotations

from typing import Any

import urllib3

from ..http import Answer


def get(api: Any, path: str, timeout: float = 5) -> Answer:
    """api: the official client, whose connections and credentials are used.

    Raises OSError (TimeoutError is one) when no answer comes in time.
    """
    headers: dict[str, str] = {}
    api.update_params_for_auth(headers, [], ["BearerToken"])
    try:
        got = api.rest_client.pool_manager.request(
            "GET",
            f"{api.configuration.host}{path}",
            headers=headers,
            timeout=timeout,
            retries=False,
        )
    except urllib3.exceptions.TimeoutError as error:
        raise TimeoutError(f"no answer within {timeout:g} s") from error
    except urllib3.exceptions.HTTPError as error:
        raise ConnectionError(f"{type(error).__name__}: {error}") from error
    return Answer(got.status, dict(got.headers), got.data.decode(errors="replace"))
