"""SQL statements that users write: which values they leave open, and how to hand these over apart from the text.

Values are bound by the database, never written into a statement. A statement that forgets its ``:subject`` would be
about everybody, so it is refused before any database sees it.
"""

from __future__ import annotations

import re

__all__ = ["check_statement", "parameters", "pyformat"]

_TOKEN = re.compile(
    r"""
      (?P<skip> '(?:[^']|'')*' | "(?:[^"]|"")*"          # literals and quoted names
              | \$(?P<tag>\w*)\$ .*? \$(?P=tag)\$        # PostgreSQL's dollar quotes
              | --[^\n]* | /\*.*?\*/                     # comments
              | :: )                                     # PostgreSQL's casts
    | : (?P<name> [A-Za-z_]\w*)
    | (?P<wrong> [';"?] | /\* )
    """,
    re.VERBOSE | re.DOTALL,
)
_VERBS = {"find": ("select", "with"), "delete": ("delete", "update", "with")}


def parameters(statement: str) -> set[str]:
    """Return the names of the values that a statement leaves open, written ``:name``.

    Examples
    --------
    >>> parameters("SELECT ':no', day::date FROM orders WHERE person = :subject -- :neither")
    {'subject'}
    """
    return {found["name"] for found in _TOKEN.finditer(statement) if found["name"]}


def pyformat(statement: str) -> str:
    """Return a statement with its open values as psycopg writes them.

    Examples
    --------
    >>> pyformat("DELETE FROM orders WHERE person = :subject AND code LIKE '%x'")
    "DELETE FROM orders WHERE person = %(subject)s AND code LIKE '%%x'"
    """
    text, at = "", 0
    for found in _TOKEN.finditer(statement):
        if found["name"]:
            text += statement[at : found.start()].replace("%", "%%") + f"%({found['name']})s"
            at = found.end()
    return text + statement[at:].replace("%", "%%")


def check_statement(statement: str, use: str) -> str | None:
    """Return what keeps a statement from being used for one person, or None.

    Parameters
    ----------
    statement : str
        SQL.
    use : {"find", "delete"}
        What it is for.

    Examples
    --------
    >>> check_statement("DELETE FROM orders", "delete")
    'does not say whose rows: expected a condition such as person = :subject'
    >>> check_statement("SELECT * FROM orders WHERE person = :subject", "find")
    """
    verbs = _VERBS[use]
    bare = re.sub(r"\A(?:\s|--[^\n]*\n|/\*.*?\*/)*", "", statement, flags=re.DOTALL)
    if re.split(r"\W", bare, maxsplit=1)[0].lower() not in verbs:
        return f"is no statement of the kind {' or '.join(v.upper() for v in verbs)}"
    wrong = next((found["wrong"] for found in _TOKEN.finditer(statement) if found["wrong"]), None)
    if wrong == ";":
        return "has a semicolon: expected one statement, and further ones as further texts"
    if wrong == "?":
        return "has a question mark: write the person as :subject"
    if wrong is not None:
        return "has a quote or comment that does not end"
    names = parameters(statement)
    if "subject" not in names:
        return "does not say whose rows: expected a condition such as person = :subject"
    if names != {"subject"}:
        return f"leaves :{min(names - {'subject'})} open, and only :subject is known"
    return None
