"""Charts of explanations as small inline SVG: shares per group, partial dependence, and a row's contributions.

Places along the axes are percentages and sizes are pixels, as in `aequo.report.svg`. Groups differ by the shape of
their marks and not by colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from aequo.report.svg import axis

__all__ = ["MARKS", "Bar", "GroupDots", "contribution_bars", "curve", "group_dots", "mark"]

Span = tuple[float, float]

MARKS = (
    "M-5,0A5,5 0 1,0 5,0A5,5 0 1,0 -5,0Z",
    "M-4.5,-4.5H4.5V4.5H-4.5Z",
    "M0,-6L5.6,4.4H-5.6Z",
    "M0,-6L6,0L0,6L-6,0Z",
    "M-5,-1.7H-1.7V-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5Z",
    "M0,6L5.6,-4.4H-5.6Z",
)
"""Shapes of groups: disc, square, triangle, diamond, cross, triangle down."""

_INSET = 1.5
_TOP, _STEP, _AXIS = 4, 15, 26
_HEAD = 20
_BESIDE = 11  # percent at the left of a curve, for the texts of its upright axis
_LETTERS = 34


def _place(value: float, low: float, high: float) -> float:
    part = min(max((value - low) / (high - low), 0.0), 1.0)
    return _INSET + (100 - 2 * _INSET) * part


def _short(label: str) -> str:
    return label if len(label) <= _LETTERS else label[: _LETTERS - 1] + "…"


def _head(title: str, desc: str, height: float) -> str:
    return (
        f'<svg role="img" class="ae-dots" width="100%" height="{height:g}">'
        f"<title>{escape(title)}</title><desc>{escape(desc)}</desc>"
    )


def mark(i: int) -> str:
    """Return the mark of the i-th group as an inline picture for a legend.

    Examples
    --------
    >>> mark(0).count("<path")
    1
    """
    path = f'<path {_shape(i)} transform="translate(7 7)"/>'
    return f'<svg class="ae-key" aria-hidden="true" width="14" height="14">{path}</svg>'


def _shape(i: int) -> str:
    hollow = " ae-hollow" if i % 2 else ""
    return f'class="ae-mark{hollow}" d="{MARKS[i % len(MARKS)]}"'


def _scale(ticks: Sequence[float], low: float, high: float, bottom: float, show: Callable[[float], str]) -> list[str]:
    """Return the grid's lines and the texts below it."""
    out = []
    for i, t in enumerate(ticks):
        x = f"{_place(t, low, high):.2f}%"
        out.append(f'<line class="ae-grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>')
        anchor = "start" if i == 0 else "end" if i == len(ticks) - 1 else "middle"
        at = "0" if i == 0 else "100%" if i == len(ticks) - 1 else x
        out.append(f'<text class="ae-tick" x="{at}" y="{bottom + 18}" text-anchor="{anchor}">{escape(show(t))}</text>')
    return out


# -- groups -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GroupDots:
    """One row of `group_dots`.

    Attributes
    ----------
    label : str
        Name of the row.
    values : tuple of (int, float, tuple of float or None)
        Number of the group, its value, and its interval.
    """

    label: str
    values: tuple[tuple[int, float, Span | None], ...]


def group_dots(rows: Sequence[GroupDots], *, title: str, desc: str, show: Callable[[float], str]) -> str:
    """Return a chart with one row for each label, and in it one mark with its interval for each group.

    Parameters
    ----------
    rows : sequence of GroupDots
        From top to bottom.
    title, desc : str
        Accessible name and description.
    show : callable
        Value to text, for the axis.

    Examples
    --------
    >>> text = group_dots([GroupDots("age", ((0, 0.2, (0.1, 0.3)), (1, 0.4, None)))], title="t", desc="d", show=str)
    >>> text.count("<path"), text.count('class="ae-span"')
    (2, 1)
    """
    known = [v for r in rows for _, value, span in r.values for v in (value, *(span or ()))]
    low, high, ticks = axis(min([0.0, *known]), max([0.0, *known]) or 1.0)
    heights = [26 + _STEP * max(1, len(r.values)) for r in rows]
    bottom = _TOP + sum(heights)
    out = [_head(title, desc, bottom + _AXIS), *_scale(ticks, low, high, bottom, show)]
    top = float(_TOP)
    for row, height in zip(rows, heights, strict=True):
        out.append(f'<text class="ae-name" x="0" y="{top + 15:g}">{escape(_short(row.label))}</text>')
        for k, (group, value, span) in enumerate(row.values):
            y = top + 28 + k * _STEP
            if span is not None:
                a, b = (f"{_place(v, low, high):.2f}%" for v in span)
                out.append(f'<line class="ae-span" x1="{a}" x2="{b}" y1="{y:g}" y2="{y:g}" stroke-linecap="round"/>')
            x = f"{_place(value, low, high):.2f}%"
            out.append(f'<svg x="{x}" y="{y:g}" overflow="visible" width="1" height="1"><path {_shape(group)}/></svg>')
        top += height
    return "".join([*out, "</svg>"])


# -- a curve ----------------------------------------------------------------------------------------------------------


def curve(
    points: Sequence[tuple[float, float, Span]],
    *,
    title: str,
    desc: str,
    show_x: Callable[[float], str],
    show_y: Callable[[float], str],
    bounds: Span | None = None,
    height: int = 170,
) -> str:
    """Return a line through points with a band around it.

    Parameters
    ----------
    points : sequence of (float, float, tuple of float)
        Where, how much, and ends of the band; from left to right.
    title, desc : str
        Accessible name and description.
    show_x, show_y : callable
        Values to text, for the axes.
    bounds : tuple of float, optional
        What the upright axis cannot go beyond.
    height : int
        Pixels of the plot.

    Examples
    --------
    >>> text = curve([(0, 0.1, (0, 0.2)), (5, 0.4, (0.3, 0.5))], title="t", desc="d", show_x=str, show_y=str)
    >>> text.count("<polyline"), text.count("<polygon"), text.count("<circle")
    (1, 1, 2)
    """
    ends = [v for _, y, span in points for v in (y, *span)]
    if bounds is not None:
        ends = [min(max(v, bounds[0]), bounds[1]) for v in ends]
    low, high, ticks = axis(min(ends), max(ends), bounds=bounds, ticks=3)
    left, right = points[0][0], points[-1][0]
    wide = (right - left) or 1.0
    bottom = _HEAD + height

    def x(value: float) -> float:
        return _BESIDE + (100 - _BESIDE - _INSET) * (value - left) / wide

    def y(value: float) -> float:
        return bottom - height * min(max((value - low) / (high - low), 0.0), 1.0)

    out = [_head(title, desc, bottom + _AXIS)]
    out += [f'<line class="ae-grid" x1="0" x2="100%" y1="{y(t):.1f}" y2="{y(t):.1f}"/>' for t in ticks]
    band = [f"{x(a):.3f},{y(span[1]):.1f}" for a, _, span in points]
    band += [f"{x(a):.3f},{y(span[0]):.1f}" for a, _, span in reversed(points)]
    line = " ".join(f"{x(a):.3f},{y(b):.1f}" for a, b, _ in points)
    out.append(
        f'<svg x="0" y="0" width="100%" height="{bottom}" viewBox="0 0 100 {bottom}" preserveAspectRatio="none">'
        f'<polygon class="ae-area" points="{" ".join(band)}"/><polyline class="ae-line" points="{line}"/></svg>'
    )
    for a, b, _ in points:
        said = escape(f"{show_x(a)}: {show_y(b)}")
        out.append(f'<circle class="ae-dot" cx="{x(a):.2f}%" cy="{y(b):.1f}" r="3.5"><title>{said}</title></circle>')
    out += [f'<text class="ae-tick" x="0" y="{y(t) - 4:.1f}">{escape(show_y(t))}</text>' for t in ticks]
    named = [(left, f"{x(left):.2f}%", "start" if right > left else "middle")]
    named += [(right, "100%", "end")] if right > left else []
    out += [
        f'<text class="ae-tick" x="{at}" y="{bottom + 18}" text-anchor="{anchor}">{escape(show_x(value))}</text>'
        for value, at, anchor in named
    ]
    return "".join([*out, f'<line class="ae-ref" x1="0" x2="100%" y1="{bottom}" y2="{bottom}"/></svg>'])


# -- contributions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of `contribution_bars`.

    Attributes
    ----------
    label : str
        Name of the column.
    value : float
        The contribution.
    error : float or None
        Its standard error; None if it is exact.
    text : str
        The contribution in words, with its sign.
    """

    label: str
    value: float
    error: float | None
    text: str


def contribution_bars(rows: Sequence[Bar], *, title: str, desc: str, show: Callable[[float], str]) -> str:
    """Return a chart with a bar for each contribution, to the right of 0 in favour and to the left against.

    Parameters
    ----------
    rows : sequence of Bar
        From top to bottom.
    title, desc : str
        Accessible name and description.
    show : callable
        Value to text, for the axis.

    Examples
    --------
    >>> bars = [Bar("a", 0.5, None, "+0.5"), Bar("b", -1.0, 0.1, "-1")]
    >>> text = contribution_bars(bars, title="t", desc="d", show=str)
    >>> text.count("ae-plus"), text.count("ae-minus"), text.count("ae-whisker")
    (1, 1, 1)
    """
    known = [v for r in rows for v in (r.value - 2 * (r.error or 0), r.value + 2 * (r.error or 0))]
    low, high, ticks = axis(min([0.0, *known]), max([0.0, *known]))
    step = 40
    bottom = _TOP + step * len(rows)
    zero = _place(0.0, low, high)
    out = [_head(title, desc, bottom + _AXIS), *_scale(ticks, low, high, bottom, show)]
    for i, row in enumerate(rows):
        top = _TOP + step * i
        at = _place(row.value, low, high)
        start, width = min(at, zero), max(abs(at - zero), 0.25)
        kind = "plus" if row.value >= 0 else "minus"
        out.append(f'<text class="ae-name" x="0" y="{top + 15}">{escape(_short(row.label))}</text>')
        out.append(f'<text class="ae-val" x="100%" y="{top + 15}" text-anchor="end">{escape(row.text)}</text>')
        out.append(f'<rect class="ae-{kind}" x="{start:.2f}%" y="{top + 21}" width="{width:.2f}%" height="12"/>')
        if row.error:
            a, b = (f"{_place(row.value + s * 2 * row.error, low, high):.2f}%" for s in (-1, 1))
            out.append(f'<line class="ae-whisker" x1="{a}" x2="{b}" y1="{top + 27}" y2="{top + 27}"/>')
    out.append(f'<line class="ae-ref" x1="{zero:.2f}%" x2="{zero:.2f}%" y1="{_TOP}" y2="{bottom}"/></svg>')
    return "".join(out)
