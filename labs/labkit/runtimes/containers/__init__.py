from ..base import RuntimeUnavailable


def engine_problem() -> str:
    return "not built yet"


class ContainerRuntime:
    pass
