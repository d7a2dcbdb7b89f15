"""The origin beside the containers: a process of this computer."""

from __future__ import annotations

from ...runtimes.containers.beside import ProcessBeside
from .process import Process


class Container(ProcessBeside, Process):
    """Its only visitors from outside are edges in containers, which show the key."""
