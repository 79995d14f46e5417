"""The accuracy-fairness frontier as small inline SVG.

Places along the axis are percentages and heights are pixels, as in `aequo.report.svg`; points carry numbers, which the
table beside the chart explains, since names would not fit on a telephone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from aequo.report.svg import axis

__all__ = ["Point", "frontier"]

_HEIGHT, _TOP, _FOOT = 320, 26, 46
_LEFT, _RIGHT = 11.0, 3.0  # percent of the width
_NARROW = 300.0  # pixels: labels that do not touch at this width do not at any wider one


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One remedy in the chart.

    Attributes
    ----------
    mark : int
        The number that stands at the point.
    name : str
        The remedy.
    text : str
        Its numbers in words, shown when it is pointed at.
    gap, change : float
        Gap and change of accuracy, as shares.
    gap_interval, change_interval : tuple of float or None
        Their intervals.
    on_frontier, recommended : bool
        How it is drawn: on the frontier filled, elsewhere hollow; the recommended one with a ring.
    """

    mark: int
    name: str
    text: str
    gap: float
    change: float
    gap_interval: tuple[float, float] | None
    change_interval: tuple[float, float] | None
    on_frontier: bool
    recommended: bool


class _Scale:
    """From numbers to places."""

    def __init__(self, points: Sequence[Point], tolerance: float) -> None:
        across = [0.0, tolerance, *(v for p in points for v in (p.gap, *(p.gap_interval or ())))]
        up = [0.0, *(v for p in points for v in (p.change, *(p.change_interval or ())))]
        self.low_x, self.high_x, self.ticks_x = axis(min(across), max(across), bounds=(0.0, 1.0), ticks=4)
        self.low_y, self.high_y, self.ticks_y = axis(min(up), max(up), ticks=5)

    def x(self, value: float) -> float:
        part = min(max((value - self.low_x) / (self.high_x - self.low_x), 0.0), 1.0)
        return _LEFT + (100 - _LEFT - _RIGHT) * part

    def y(self, value: float) -> float:
        return _TOP + _HEIGHT * (self.high_y - value) / (self.high_y - self.low_y)


def frontier(points: Sequence[Point], tolerance: float, *, title: str, desc: str) -> str:
    """Return the chart: gap across, change of accuracy up, a cross of intervals and a number at each point.

    Parameters
    ----------
    points : sequence of Point
        The remedies.
    tolerance : float
        Where the dashed line is; what lies left of it is within.
    title, desc : str
        Accessible name and description.

    Examples
    --------
    >>> one = Point(mark=1, name="none", text="none", gap=0.1, change=0.0, gap_interval=(0.05, 0.15),
    ...             change_interval=None, on_frontier=True, recommended=False)
    >>> text = frontier([one], 0.02, title="t", desc="d")
    >>> text.startswith('<svg role="img"'), text.count('class="ae-mark"')
    (True, 1)
    """
    scale = _Scale(points, tolerance)
    bottom = _TOP + _HEIGHT
    out = [
        f'<svg role="img" class="ae-dots ae-frontier" width="100%" height="{bottom + _FOOT}">',
        f"<title>{escape(title)}</title><desc>{escape(desc)}</desc>",
        *_ground(scale, tolerance, bottom),
    ]
    steps = sorted((p for p in points if p.on_frontier), key=lambda p: (p.gap, p.change))
    for a, b in itertools.pairwise(steps):
        out += [
            _line("ae-step", scale.x(a.gap), scale.y(a.change), scale.x(b.gap), scale.y(a.change)),
            _line("ae-step", scale.x(b.gap), scale.y(a.change), scale.x(b.gap), scale.y(b.change)),
        ]
    drawn = sorted(points, key=lambda p: (p.recommended, p.on_frontier))
    for p in drawn:
        aside = "" if p.on_frontier or p.recommended else " ae-aside"
        x, y = scale.x(p.gap), scale.y(p.change)
        if p.gap_interval is not None:
            out.append(_line(f"ae-cross{aside}", scale.x(p.gap_interval[0]), y, scale.x(p.gap_interval[1]), y))
        if p.change_interval is not None:
            low, high = (scale.y(v) for v in p.change_interval)
            out.append(_line(f"ae-cross{aside}", x, low, x, high))
    for p in drawn:
        out.append(_spot(p, scale))
    heights = _labels([(scale.x(p.gap) / 100 * _NARROW, scale.y(p.change)) for p in points])
    for p, y in zip(points, heights, strict=True):
        style, x, own = "ae-mark ae-val" if p.recommended else "ae-mark", scale.x(p.gap), scale.y(p.change)
        if not -20 < y - own < 24:  # far from its point: a line leads there
            out.append(_line("ae-lead-line", x, own, x, y - 12 if y > own else y + 3))
        out.append(f'<text class="{style}" x="{x:.2f}%" y="{y:.1f}" text-anchor="middle">{p.mark}</text>')
    return "".join([*out, "</svg>"])


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.2f}%" y1="{y1:.1f}" x2="{x2:.2f}%" y2="{y2:.1f}"/>'


def _ground(scale: _Scale, tolerance: float, bottom: int) -> list[str]:
    """Return the band within the tolerance, grid, ticks and the names of the axes."""
    left, at = scale.x(scale.low_x), scale.x(tolerance)
    out = [f'<rect class="ae-band" x="{left:.2f}%" y="{_TOP}" width="{at - left:.2f}%" height="{_HEIGHT}"/>']
    for tick in scale.ticks_y:
        y = scale.y(tick)
        kind = "ae-ref" if tick == 0 else "ae-grid"
        out.append(_line(kind, left, y, 100 - _RIGHT, y))
        sign = "+" if tick > 0 else "\u2212" if tick < 0 else ""
        text = f"{sign}{abs(100 * tick):.6g}"
        out.append(f'<text class="ae-tick" x="{left - 1:.2f}%" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for i, tick in enumerate(scale.ticks_x):
        anchor = "end" if i == len(scale.ticks_x) - 1 else "middle"
        x = f"{scale.x(tick):.2f}%"
        out.append(f'<line class="ae-grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>')
        out.append(f'<text class="ae-tick" x="{x}" y="{bottom + 18}" text-anchor="{anchor}">{100 * tick:.6g}</text>')
    out += [
        f'<line class="ae-ref" x1="{at:.2f}%" x2="{at:.2f}%" y1="{_TOP}" y2="{bottom}" stroke-dasharray="4 4"/>',
        f'<text class="ae-tick" x="0" y="{_TOP - 11}">Accuracy against no remedy, points</text>',
        f'<text class="ae-tick" x="100%" y="{bottom + 38}" text-anchor="end">Gap between groups, points</text>',
    ]
    return out


def _spot(p: Point, scale: _Scale) -> str:
    x, y = f"{scale.x(p.gap):.2f}%", f"{scale.y(p.change):.1f}"
    name = f"<title>{escape(f'{p.mark} {p.name}: {p.text}')}</title>"
    kind = "ae-dot" if p.on_frontier else "ae-dot ae-aside"
    ring = f'<circle class="ae-ring" cx="{x}" cy="{y}" r="10"/>' if p.recommended else ""
    return f'{ring}<circle class="{kind}" cx="{x}" cy="{y}" r="5">{name}</circle>'


def _labels(points: Sequence[tuple[float, float]]) -> list[float]:
    """Return for each point the height at which its number stands, above or below it, so that nothing touches.

    Numbers keep to the height line of their own point, so that what does not touch on a narrow screen does not on a
    wide one, where points are further apart.
    """
    taken = [(x - 10.0, y - 10.0, x + 10.0, y + 10.0) for x, y in points]
    out = []
    for x, y in points:
        free = [y + dy for dy in _STEPS if _fits(_box(x, y + dy), taken)]
        chosen = free[0] if free else y + _STEPS[0]
        taken.append(_box(x, chosen))
        out.append(chosen)
    return out


_Box = tuple[float, float, float, float]
_STEPS = sorted((float(dy) for dy in range(-324, 330, 3) if dy <= -13 or dy >= 22), key=lambda dy: abs(dy - 4))
"""How far below its point a number may stand, from the nearest."""


def _box(x: float, y: float) -> _Box:
    return x - 8.5, y - 12.0, x + 8.5, y + 3.0


def _fits(box: _Box, taken: Sequence[_Box]) -> bool:
    inside = box[1] >= _TOP - 4 and box[3] <= _TOP + _HEIGHT + 4
    return inside and not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken)
