"""One HTTP request, with nothing retried, followed or kept: what a client saw."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

# Who asks an application directly shows this: on a shared machine, everybody can reach
# its port. One a kernel, so that one edge can stand before any of its applications.
KEY = secrets.token_urlsafe(18)


class Refused(Exception):
    """The server answered, and its answer is an error (status 400 or higher).

    sqlstate: the database's own code, where the application passes one on; a history
    then knows that the work was not done.
    """

    def __init__(self, answer: Answer) -> None:
        body = answer.json()
        said = body if isinstance(body, dict) else {}
        super().__init__(f"{answer.status} {said.get('error', '')}".strip())
        self.answer = answer
        self.status = answer.status
        self.sqlstate: str | None = said.get("sqlstate")


@dataclass(frozen=True)
class Answer:
    """headers: by name in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body, or None when it is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def ok(self) -> Answer:
        """Itself. Raises Refused when the status is 400 or higher."""
        if self.status >= 400:
            raise Refused(self)
        return self


def request(
    address: tuple[str, int],
    method: str,
    path: str,
    body: Any = None,
    *,
    timeout: float = 5,
    headers: Mapping[str, str] | None = None,
    sent: Callable[[], object] = lambda: None,
) -> Answer:
    """Ask on a connection of its own; `body` is sent as JSON.

    timeout: seconds without a byte. sent: called when the request is on its way, and
    before its answer is awaited. Raises OSError (TimeoutError is one) when no
    answer came: whether the work was done is then unknown.
    """
    connection = HTTPConnection(*address, timeout=timeout)
    told = {"Connection": "close", **(headers or {})}
    data = None
    if body is not None:
        data = json.dumps(body)
        told["Content-Type"] = "application/json"
    try:
        connection.request(method, path, data, told)
        sent()
        got = connection.getresponse()
        text = got.read().decode(errors="replace")
    except HTTPException as error:  # a server that dies in the middle of its answer
        raise ConnectionError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
    return Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, text)


def json_lines(text: str) -> list[dict[str, Any]]:
    """The lines of a log that are JSON objects; a last one may be half written."""
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found
