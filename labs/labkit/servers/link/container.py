"""A link beside the containers: a process of this computer."""

from __future__ import annotations

from ...runtimes.containers.beside import ProcessBeside
from .process import Process


class Container(ProcessBeside, Process):
    """It reaches a container at the port that is published on loopback, and asks for
    nothing itself: who may ask is for the server at its end to say."""
