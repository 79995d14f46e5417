"""Charts as small inline SVG: a dot and an interval for each group, and a bar for one finding against its limit.

Pure functions from numbers to text. Places along the axis are percentages and sizes are pixels, so that a chart fills
whatever width it is given and its letters stay as large on a telephone as on a wall. Colours come from the page's
style sheet through class names; without it the charts are black on the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from aequo.core.finding import Status

__all__ = ["Dot", "axis", "dot_chart", "limit_bar"]

Span = tuple[float, float]

_ROW, _TOP, _AXIS = 42, 4, 26
_INSET = 1.5  # percent of the width on either side, so that a dot at an end is not cut
_LETTERS = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One row of a chart.

    Attributes
    ----------
    label : str
        Name of the group.
    value : float or None
        Where the dot is; None draws none.
    interval : tuple of float or None
        Ends of the line.
    text : str
        What is written at the right: the value in words, or why there is none.
    judged : bool
        Groups that take no part in comparisons are drawn hollow.
    """

    label: str
    value: float | None
    interval: Span | None
    text: str
    judged: bool = True


def axis(low: float, high: float, *, bounds: Span | None = None, ticks: int = 4) -> tuple[float, float, list[float]]:
    """Return the ends and ticks of an axis that covers a range, at round numbers.

    Parameters
    ----------
    low, high : float
        What must be on the axis.
    bounds : tuple of float, optional
        What the axis cannot go beyond, such as 0 and 1 for shares.
    ticks : int
        About how many steps there are.

    Examples
    --------
    >>> axis(0.62, 0.96, bounds=(0, 1))
    (0.6, 1.0, [0.6, 0.7, 0.8, 0.9, 1.0])
    >>> axis(3, 3)
    (2.0, 4.0, [2.0, 2.5, 3.0, 3.5, 4.0])
    """
    if high - low < 1e-9 * max(1.0, abs(low), abs(high)):
        pad = 1.0 if bounds is None else 0.05
        low, high = low - pad, high + pad
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    raw = (high - low) / ticks
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(s * scale for s in (1, 2, 2.5, 5, 10) if s * scale >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    at = [round(i * step, 12) + 0.0 for i in range(first, last + 1)]
    return at[0], at[-1], at


def _place(value: float, low: float, high: float) -> float:
    part = min(max((value - low) / (high - low), 0.0), 1.0)
    return _INSET + (100 - 2 * _INSET) * part


def _x(value: float, low: float, high: float) -> str:
    return f"{_place(value, low, high):.2f}%"


def _short(label: str) -> str:
    return label if len(label) <= _LETTERS else label[: _LETTERS - 1] + "…"


def dot_chart(
    rows: Sequence[Dot],
    *,
    title: str,
    desc: str,
    show: Callable[[float], str],
    bounds: Span | None = None,
    line: float | None = None,
    band: Span | None = None,
) -> str:
    """Return a chart with one row per group: its name, a dot at its value, a line over its interval.

    Parameters
    ----------
    rows : sequence of Dot
        Groups from top to bottom.
    title, desc : str
        Accessible name and description.
    show : callable
        Value to text, for the axis.
    bounds : tuple of float, optional
        What the axis cannot go beyond.
    line : float, optional
        Where the dashed reference line is.
    band : tuple of float, optional
        The band around it within which differences keep the limit.

    Examples
    --------
    >>> text = dot_chart([Dot(label="a", value=0.5, interval=(0.4, 0.6), text="50%")], title="t", desc="d", show=str)
    >>> text.startswith('<svg role="img"'), text.count("<circle")
    (True, 1)
    """
    known = [v for r in rows for v in (r.value, *(r.interval or ())) if v is not None and math.isfinite(v)]
    reach = known + [v for v in (line, *(band or ())) if v is not None and known]
    if reach and bounds is not None:
        reach = [min(max(v, bounds[0]), bounds[1]) for v in reach]
    low, high, ticks = axis(min(reach), max(reach), bounds=bounds) if reach else (0.0, 1.0, [])
    bottom = _TOP + _ROW * len(rows)
    height = bottom + (_AXIS if ticks else 4)
    out = [
        f'<svg role="img" class="ae-dots" width="100%" height="{height}">',
        f"<title>{escape(title)}</title><desc>{escape(desc)}</desc>",
    ]
    if band is not None and reach:
        left, right = _place(band[0], low, high), _place(band[1], low, high)
        size = f'y="{_TOP}" width="{right - left:.2f}%" height="{bottom - _TOP}"'
        out.append(f'<rect class="ae-band" x="{left:.2f}%" {size}/>')
    rise = f'y1="{_TOP}" y2="{bottom}"'
    out += [f'<line class="ae-grid" x1="{x}" x2="{x}" {rise}/>' for x in (_x(t, low, high) for t in ticks)]
    if line is not None and reach:
        x = _x(line, low, high)
        out.append(f'<line class="ae-ref" x1="{x}" x2="{x}" {rise} stroke-dasharray="4 4"/>')
    for i, row in enumerate(rows):
        out += _dot(row, _TOP + i * _ROW, low, high)
    for i, t in enumerate(ticks):
        anchor = "start" if i == 0 else "end" if i == len(ticks) - 1 else "middle"
        x = "0" if i == 0 else "100%" if i == len(ticks) - 1 else _x(t, low, high)
        out.append(f'<text class="ae-tick" x="{x}" y="{bottom + 18}" text-anchor="{anchor}">{escape(show(t))}</text>')
    return "".join([*out, "</svg>"])


def _dot(row: Dot, top: float, low: float, high: float) -> list[str]:
    aside = "" if row.judged else " ae-aside"
    middle = top + 28
    name = f'<text class="ae-name" x="0" y="{top + 15}">{escape(_short(row.label))}</text>'
    if row.value is None:  # below the name, where no long name can run into it
        return [name, f'<text class="ae-none" x="0" y="{top + 32}">{escape(row.text)}</text>']
    out = [
        name,
        f'<text class="ae-val" x="100%" y="{top + 15}" text-anchor="end">{escape(row.text)}</text>',
        f'<line class="ae-track" x1="{_INSET}%" x2="{100 - _INSET}%" y1="{middle}" y2="{middle}"/>',
    ]
    if row.interval is not None:
        a, b = (_x(v, low, high) for v in row.interval)
        level = f'y1="{middle}" y2="{middle}" stroke-linecap="round"'
        out.append(f'<line class="ae-span{aside}" x1="{a}" x2="{b}" {level}/>')
    return [*out, f'<circle class="ae-dot{aside}" cx="{_x(row.value, low, high)}" cy="{middle}" r="5"/>']


def limit_bar(
    value: float,
    interval: Span | None,
    limit: float,
    *,
    floor: bool,
    status: Status,
    title: str,
    bounds: Span = (0.0, math.inf),
) -> str:
    """Return a bar for one finding: where the limit is, which side keeps it, the value and its interval.

    Parameters
    ----------
    value : float
        The estimate.
    interval : tuple of float or None
        Its interval.
    limit : float
        What it is held against.
    floor : bool
        Whether values from the limit up keep it; else those up to the limit.
    status : Status
        Gives the colour.
    title : str
        Accessible name.
    bounds : tuple of float
        Ends of the bar; an infinite end is chosen to suit the numbers.

    Examples
    --------
    >>> text = limit_bar(0.2, (0.1, 0.3), 0.1, floor=False, status=Status.FAIL, title="0.2, limit 0.1")
    >>> "ae-fail" in text, len(text) < 700
    (True, True)
    """
    known = [v for v in (value, limit, *(interval or ())) if math.isfinite(v)]
    low = min(bounds[0], *known) if math.isfinite(bounds[0]) else min(known)
    high = max(bounds[1], *known) if math.isfinite(bounds[1]) else low + 1.15 * ((max(known) - low) or 1.0)
    at = _place(limit, low, high)
    left, width = (at, 100 - at) if floor else (0.0, at)
    out = [
        f'<svg role="img" class="ae-bar ae-{status.value}" width="100%" height="20"><title>{escape(title)}</title>',
        '<line class="ae-track" x1="0" x2="100%" y1="10" y2="10"/>',
        f'<rect class="ae-ok" x="{left:.2f}%" y="5" width="{width:.2f}%" height="10"/>',
        f'<line class="ae-limit" x1="{at:.2f}%" x2="{at:.2f}%" y1="1" y2="19"/>',
    ]
    if interval is not None:
        a, b = (_x(v, low, high) for v in interval)
        out.append(f'<line class="ae-reach" x1="{a}" x2="{b}" y1="10" y2="10" stroke-linecap="round"/>')
    out.append(f'<circle class="ae-point" cx="{_x(value, low, high)}" cy="10" r="5"/></svg>')
    return "".join(out)
