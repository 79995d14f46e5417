"""What every HTML page of ours is made with: the templates, the style sheet, and a result as JSON inside the page."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from aequo.report import words

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["embedded_json", "environment", "style_sheet"]

_UNSEEN = {chr(c) for c in (*range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)}


@functools.cache
def environment() -> Environment:
    """Return the templates; what they show is escaped, and a name that is not there is an error."""
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.PackageLoader("aequo.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["plain"] = words.plain
    return found


@functools.cache
def style_sheet(*, fragment: bool = False) -> Markup:
    """Return the style sheet; that of a fragment touches nothing outside of it."""
    from markupsafe import Markup

    text = environment().get_template("style.css.j2").render(fragment=fragment)
    return Markup(re.sub(r"\n\s*", "\n", text).strip())  # noqa: S704 - our own style sheet, with nothing of the user's


def embedded_json(raw: bytes) -> Markup:
    r"""Return JSON that cannot end the element it stands in, and has no character that a page may not have.

    Examples
    --------
    >>> str(embedded_json(b'{"name":"</script>"}'))
    '{"name":"\\u003c/script\\u003e"}'
    """
    from markupsafe import Markup

    text = raw.decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    text = "".join(f"\\u{ord(c):04x}" if c in _UNSEEN else c for c in text) if not text.isascii() else text
    return Markup(text)  # noqa: S704 - escaped just above
