"""Charts of an activity report as small inline SVG: columns over time, and a bar for a share.

Places along the axis are percentages and heights are pixels, as in `aequo.report.svg`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from aequo.report import words
from aequo.report.activity_view import Bin

__all__ = ["columns", "share_bar"]

_HEIGHT, _TOP, _AXIS = 150, 18, 24


def columns(bins: Sequence[Bin], *, title: str, desc: str) -> str:
    """Return a chart with a column for each bin, whose name and number show when it is pointed at.

    Parameters
    ----------
    bins : sequence of Bin
        In the order of time.
    title, desc : str
        Accessible name and description.

    Examples
    --------
    >>> text = columns([Bin("2026-01-30", 2), Bin("2026-01-31", 0)], title="t", desc="d")
    >>> text.startswith('<svg role="img"'), text.count("<rect")
    (True, 1)
    """
    most = max((b.n for b in bins), default=0) or 1
    bottom = _TOP + _HEIGHT
    step = 100 / max(len(bins), 1)
    width = min(step * 0.82, 12.0)  # a single day is no wall
    out = [
        f'<svg role="img" class="ae-dots" width="100%" height="{bottom + _AXIS}">',
        f"<title>{escape(title)}</title><desc>{escape(desc)}</desc>",
    ]
    for level in (most, most / 2):
        y = bottom - _HEIGHT * level / most
        out.append(f'<line class="ae-grid" x1="0" x2="100%" y1="{y:g}" y2="{y:g}"/>')
    out.append(f'<line class="ae-ref" x1="0" x2="100%" y1="{bottom}" y2="{bottom}"/>')
    for i, b in enumerate(bins):
        if not b.n:
            continue
        height = max(2.0, _HEIGHT * b.n / most)
        x = i * step + (step - width) / 2
        size = f'x="{x:.3f}%" y="{bottom - height:.1f}" width="{width:.3f}%" height="{height:.1f}"'
        name = f"{b.name}: {words.thousands(b.n)}"
        out.append(f'<rect class="ae-count" {size}><title>{escape(name)}</title></rect>')
    out.append(f'<text class="ae-tick" x="0" y="{_TOP - 5}">{words.thousands(most)}</text>')
    for i, (place, anchor) in _labels(len(bins)):
        name = escape(bins[i].name)
        out.append(f'<text class="ae-tick" x="{place}" y="{bottom + 17}" text-anchor="{anchor}">{name}</text>')
    return "".join([*out, "</svg>"])


def _labels(count: int) -> list[tuple[int, tuple[str, str]]]:
    """Return which bins are named below the axis: the first, the last, and nothing that could run into another."""
    if count == 0:
        return []
    return [(0, ("50%", "middle"))] if count == 1 else [(0, ("0", "start")), (count - 1, ("100%", "end"))]


def share_bar(share: float) -> str:
    """Return a bar as long as a share, 0..1, for a cell of a table; its number stands beside it.

    Examples
    --------
    >>> share_bar(0.5).count("<rect")
    1
    """
    return (
        '<svg class="ae-bar" aria-hidden="true" width="100%" height="8">'
        '<line class="ae-track" x1="0" x2="100%" y1="4" y2="4"/>'
        f'<rect class="ae-count" y="1" width="{100 * share:.2f}%" height="6"/></svg>'
    )
