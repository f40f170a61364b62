"""Charts as SVG: rectangles in numbers, so that the page needs neither script nor style for them."""

from typing import Any, NamedTuple

WIDTH, HEIGHT, BOTTOM, LEFT, TOP = 600, 180, 22, 34, 10
TICKS = 3
LABELS = 8  # below the bars, at most


class Bar(NamedTuple):
    x: str
    y: str
    width: str
    height: str
    css: str
    title: str


class Drawing(NamedTuple):
    title: str
    summary: str
    bars: list[Bar]
    ticks: list[tuple[str, str]]  # y, and what it stands for
    labels: list[tuple[str, str]]  # x, and the week
    keys: list[tuple[str, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    baseline: int = HEIGHT - BOTTOM


def draw(
    title: str, names: list[str], rows: list[list[float]], keys: list[tuple[str, str]], *, summary: str, unit: str = ""
) -> Drawing:
    """Draw a bar for each of the `names`, of which the values in a row are stacked; `keys` are their classes and what
    they mean."""
    top = _ceiling(max((sum(values) for values in rows), default=0))
    room, step = HEIGHT - BOTTOM - TOP, (WIDTH - LEFT) / max(1, len(rows))
    bars: list[Bar] = []
    for at, (name, values) in enumerate(zip(names, rows, strict=True)):
        y = float(HEIGHT - BOTTOM)
        for (css, meaning), value in zip(keys, values, strict=True):
            height = value / top * room
            y -= height
            if value:
                said = f"{name}, {meaning}: {_shown(value)}{unit}"
                x = LEFT + at * step + step * 0.1
                bars.append(Bar(f"{x:.1f}", f"{y:.1f}", f"{step * 0.8:.1f}", f"{height:.1f}", css, said))
    every = -(-len(names) // LABELS)
    labels = [(f"{LEFT + (at + 0.5) * step:.1f}", name) for at, name in enumerate(names) if at % every == 0]
    ticks = [(f"{HEIGHT - BOTTOM - room * at / TICKS:.1f}", f"{_shown(top * at / TICKS)}{unit}") for at in range(4)]
    return Drawing(title, summary, bars, ticks, labels, keys)


def _ceiling(value: float) -> float:
    """Return a round number that is not smaller, of which a third is round, too."""
    size: Any = 1
    while True:
        for step in (3, 6, 9, 15, 30):
            if value <= step * size:
                return float(step * size)
        size *= 10


def _shown(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
