"""Progress on the terminal of whoever runs a command."""

from typing import Any, Self

from tqdm import tqdm


class Bars:
    """One bar after the other; none where the output is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, what: str, total: int) -> None:
        self.__exit__()
        self._bar = tqdm(total=total or None, unit="B", unit_scale=True, desc=what, disable=None)

    def advance(self, size: int) -> None:
        self._bar.update(size)
