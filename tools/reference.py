"""Write docs/reference from the docstrings, the policy's rules and the commands' options.

python tools/reference.py [--check]      --check writes nothing and fails if a page is not what the code says
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import itertools
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- Written by tools/reference.py from the code: change the code, then run `make docs`. -->\n\n"

# page: (title, what it is for, modules whose __all__ it shows)
PYTHON = {
    "python.md": ("Python", "The names of `aequo`: from data to an assessment and a gate.", ["aequo"]),
    "result.md": ("The result", "What an assessment holds, in Python and in `findings.json`.", ["aequo.report.result"]),
    "fairness.md": (
        "Metrics and data bias",
        "Each metric and each check of the data, with its formula and source.",
        ["aequo.fairness"],
    ),
    "mitigation.md": (
        "Mitigation",
        "Remedies for unfairness, and their comparison.",
        ["aequo.fairness.mitigate"],
    ),
    "transparency.md": (
        "Transparency",
        "What a model leaned on, for one person and for many, and what would change its answer.",
        ["aequo.transparency"],
    ),
    "models.md": (
        "Models",
        "A trained model: asked in one way, told from another, saved and loaded.",
        ["aequo.models.predicting", "aequo.models.digest", "aequo.models.files", "aequo.models.pipeline"],
    ),
    "ledger.md": ("The ledger", "A log of decisions: append, read, prove, verify, export.", ["aequo.ledger"]),
    "privacy.md": (
        "Privacy",
        "Pseudonyms, minimisation, releases and erasure.",
        ["aequo.privacy"],
    ),
    "ethics.md": ("Ethics", "Who gains and who pays, and the duties that hold whatever the score.", ["aequo.ethics"]),
    "testing.md": ("In tests", "The gate as a test.", ["aequo.testing"]),
    "errors.md": ("Errors", "Every error that aequo raises on purpose.", ["aequo.errors"]),
}

SECTION = re.compile(r"^(?P<name>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
FIELDS = {"Parameters", "Attributes", "Returns", "Raises", "Yields", "Warns", "Other Parameters"}


def pages() -> dict[str, str]:
    """Return the text of every page by file name."""
    made = {name: python_page(*page) for name, page in PYTHON.items()}
    made["command-line.md"] = command_line_page()
    made["policy.md"] = policy_page()
    index = ["# Reference\n\nWritten from the code. What it cannot say is in the [explanations](../explanation/).\n"]
    index += [f"- [{title}]({name}): {about}" for name, (title, about, _) in PYTHON.items()]
    index += [
        "- [Command line](command-line.md): commands, options, exit codes.",
        "- [Policy and checks](policy.md): every key of `aequo.toml`, every check and its limit.",
    ]
    made["index.md"] = "\n".join(index) + "\n"
    return {name: NOTE + text for name, text in made.items()}


# Python


def python_page(title: str, about: str, modules: list[str]) -> str:
    parts = [f"# {title}\n\n{about}\n"]
    for module_name in modules:
        module = importlib.import_module(module_name)
        if module_name == "aequo.errors":
            parts.append(markdown(inspect.getdoc(module) or "").split("\n", 1)[1].strip() + "\n")
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or callable(value):
                parts.append(entry(f"{module_name}.{name}", value))
    return "\n".join(parts).rstrip() + "\n"


def entry(path: str, value: Any) -> str:
    """Return one function or class with its methods."""
    name = path.rsplit(".", 1)[1]
    parts = [f"## `{path}`\n"]
    is_error = inspect.isclass(value) and issubclass(value, Exception)
    if not is_error:
        parts.append(f"```text\n{signature(name, value)}\n```\n")
    parts.append(markdown(own_doc(value)))
    if inspect.isclass(value) and not is_error:
        for method_name, member in vars(value).items():
            text = member_text(name, method_name, member)
            if text:
                parts.append(text)
    return "\n".join(parts)


def own_doc(value: Any) -> str:
    """Return the docstring written for this object; one that a decorator made up or a parent lent is none."""
    doc = value.__doc__ or ""
    return "" if inspect.isclass(value) and doc.startswith(f"{value.__name__}(") else inspect.cleandoc(doc)


def member_text(owner: str, name: str, member: Any) -> str:
    """Return a public method or property of a class, or nothing."""
    if name.startswith("_") and name not in ("__add__", "__sub__", "__call__", "__getitem__"):
        return ""
    if isinstance(member, property):
        return f"### `{owner}.{name}`\n\n{markdown(inspect.getdoc(member) or '')}"
    function = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
    if not inspect.isfunction(function) or not function.__doc__:
        return ""
    doc = markdown(inspect.getdoc(function) or "")
    return f"### `{owner}.{name}`\n\n```text\n{signature(name, function)}\n```\n\n{doc}"


def signature(name: str, value: Any) -> str:
    """Return a call as it would be written, one argument a line if it is long."""
    try:
        sig = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    kept = [p for p in sig.parameters.values() if p.name not in ("self", "cls")]
    returns = "" if inspect.isclass(value) or sig.return_annotation is sig.empty else tidy(f" -> {formatted(sig)}")
    sig = sig.replace(parameters=kept, return_annotation=sig.empty)
    line = tidy(f"{name}{sig}") + returns
    if len(line) <= 100:
        return line
    pieces, star = [], False
    for p in kept:
        if p.kind is p.KEYWORD_ONLY and not star:
            star = True
            pieces.append("*")
        star = star or p.kind is p.VAR_POSITIONAL
        pieces.append(tidy(str(p)))
    return f"{name}(\n" + "".join(f"    {p},\n" for p in pieces) + f"){returns}"


def formatted(sig: inspect.Signature) -> str:
    return (
        sig.return_annotation
        if isinstance(sig.return_annotation, str)
        else inspect.formatannotation(sig.return_annotation)
    )


def tidy(text: str) -> str:
    """Return a signature without the quotes of postponed annotations and without what differs between runs."""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    text = re.sub(r"<factory>|<dataclasses\._HAS_DEFAULT_FACTORY_CLASS[^>]*>", "...", text)
    text = re.sub(r"<function .+? at 0x[0-9a-f]+>", "...", text)
    return re.sub(r"<(\w+)\.(\w+): [^>]+>", r"\1.\2", text)


def markdown(doc: str) -> str:
    """Return a numpydoc docstring as Markdown."""
    cuts = [m.start() for m in SECTION.finditer(doc)] + [len(doc)]
    parts = [prose(doc[: cuts[0]])]
    for start, end in itertools.pairwise(cuts):
        name, _, body = doc[start:end].split("\n", 2)
        parts.append(section(name.strip(), body.strip("\n")))
    return "\n\n".join(p for p in parts if p.strip()) + "\n"


def section(name: str, body: str) -> str:
    if name in FIELDS:
        return f"**{name}**\n\n{fields(body)}"
    if name == "Examples":
        return f"```pycon\n{body.strip()}\n```"
    if name == "References":
        return "**References**\n\n" + re.sub(r"^\.\. \[(\d+)\] ", r"\1. ", prose(body), flags=re.MULTILINE)
    return f"**{name}**\n\n{prose(body)}"


def fields(body: str) -> str:
    """Return ``name : type`` with an indented description as a list."""
    lines = []
    for line in body.splitlines():
        if line and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            known = ", ".join(f"`{n.strip()}`" for n in names.split(","))
            lines.append(f"- {known}" + (f" ({kind})" if kind else ""))
        elif line.strip():
            first = bool(lines) and "\n" not in lines[-1] and ": " not in lines[-1]
            lines[-1] += f"{': ' if first else chr(10) + '  '}{prose(line.strip())}"
    return "\n".join(lines)


def prose(text: str) -> str:
    """Return running text: literal blocks become fenced, citations plain."""
    text = re.sub(r"\[(\d+)\]_", r"[\1]", text.strip())
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    literal = re.compile(r"^(?P<lead>[^\n]*)::\n\n(?P<block>(?:[ ]{4}[^\n]*\n?|\n)+)", re.MULTILINE)

    def fence(m: re.Match[str]) -> str:
        lead = f"{m['lead']}:\n\n" if m["lead"] else ""
        return f"{lead}```text\n{inspect.cleandoc(chr(10) + m['block'].rstrip())}\n```\n\n"

    return literal.sub(fence, text).strip()


# the policy


def policy_page() -> str:
    """Return every key of the policy file and every check."""
    from aequo.core.limits import LIMITS, REQUIRED
    from aequo.core.policy import Policy

    parts = [
        "# Policy and checks\n\n`aequo.toml` says what a system is held against. "
        "Every key may be left out. `aequo init` writes one.\n"
    ]
    default = Policy()
    for f in dataclasses.fields(Policy):
        value = getattr(default, f.name)
        if not dataclasses.is_dataclass(value):
            continue
        parts.append(
            f"## `[{f.name}]`\n\n{f.metadata['about'].capitalize()}.\n\n| key | default | meaning |\n|---|---|---|"
        )
        parts += [
            f"| `{k.name}` | {plain(getattr(value, k.name))} | {k.metadata['about']} |"
            for k in dataclasses.fields(value)
        ]
        parts.append("")
    parts.append(
        "## `required`\n\nChecks that the verdict depends on. "
        "Others that are beyond their limits are warnings. By default:\n"
    )
    parts.append(", ".join(f"`{name}`" for name in REQUIRED) + ".\n")
    parts.append(
        "## `[limits]` and the checks\n\nThe key is the check's id with underscores. "
        "Ids of findings are `fairness/<check>/<groups>` and `data/<check>/<groups>`.\n"
    )
    parts.append("| check | default limit | what is held against it |\n|---|---|---|")
    for key, limit in LIMITS.items():
        bound = "at least" if "more is better" in limit.meaning else "at most"
        meaning = limit.meaning.removesuffix("; more is better")
        parts.append(f"| `{key.replace('_', '-')}` | {bound} {limit.default:g} | {meaning} |")
    parts.append("| `small-groups` | | groups with fewer rows than `groups.min_size` cannot be judged, and are named |")
    return "\n".join(parts) + "\n"


def plain(value: object) -> str:
    """Return a default as TOML would write it."""
    if value is None or value == () or value == "" or (hasattr(value, "keys") and not value):
        return ""
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{v}"' for v in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


# the command line


def command_line_page() -> str:
    """Return the commands and their options, from their signatures: what --help prints depends on typer's version."""
    from aequo.cli import main as cli

    parts = [
        "# Command line\n\nThe result goes to stdout, the conversation to stderr. "
        "`aequo COMMAND --help` shows the same.\n"
    ]
    for name, command in commands(cli.app):
        assert command.callback is not None
        doc = inspect.cleandoc(command.callback.__doc__ or "").replace("\\b\n", "\b\n")
        head, _, rest = doc.partition("\b\n")
        example, _, tail = rest.partition("\n\n")
        parts.append(f"## `aequo {name}`\n\n{prose(head)}\n")
        if example:
            lines = [line.strip() for line in example.splitlines()]
            lines = [line for line in lines if line not in ("Example:", "Examples:")]
            parts.append("```text\n" + re.sub(r" \\\n", " \\\\\n    ", "\n".join(lines)) + "\n```\n")
        if tail.strip():
            parts.append(prose(tail) + "\n")
        parts.append("| argument | meaning | default |\n|---|---|---|")
        parts += option_rows(command.callback)
        parts.append("")
    parts.append(EXIT_CODES)
    return "\n".join(parts)


def commands(app: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Return all commands with their names, those of a group after the group's name."""
    for command in app.registered_commands:
        yield f"{before}{command.name}", command
    for group in app.registered_groups:
        yield from commands(group.typer_instance, f"{before}{group.name} ")


def option_rows(function: Any) -> list[str]:
    hints = typing.get_type_hints(
        function, include_extras=True, localns=vars(importlib.import_module(function.__module__))
    )
    rows = []
    for name, parameter in inspect.signature(function).parameters.items():
        info = hints[name].__metadata__[0]
        # In an annotation the first name stands where otherwise the default would.
        given = (getattr(info, "default", None), *(getattr(info, "param_decls", None) or ()))
        declared = [d for d in given if isinstance(d, str) and d.startswith("-")]
        is_option = type(info).__name__ == "OptionInfo"
        names = ", ".join(declared) or (f"--{name.replace('_', '-')}" if is_option else "")
        shown = " ".join(t for t in (names, info.metavar) if t).replace("|", "\\|")
        value = parameter.default
        default = f"`{value}`" if isinstance(value, (str, int, float)) and value is not False else ""
        rows.append(f"| `{shown}` | {info.help} | {default} |")
    return rows


EXIT_CODES = """## Exit codes

| code | meaning |
|---|---|
| 0 | passed, or only warned |
| 1 | a required finding failed, or a ledger did not verify |
| 2 | wrong usage, or a policy, data, a key or a ledger that cannot be used |
| 3 | something required could not be judged |

`--fail-on fail` turns 3 into 0, `--fail-on never` turns 1 and 3 into 0. An interrupted command ends with 130.
`--debug`, anywhere, shows the traceback of an error.
"""


def main(arguments: list[str]) -> int:
    """Write the pages, or say which are out of date."""
    made = pages()
    there = {p.name: p.read_text(encoding="utf-8") for p in PAGES.glob("*.md")} if PAGES.is_dir() else {}
    stale = sorted(name for name in {*made, *there} if made.get(name) != there.get(name))
    if "--check" in arguments:
        if stale:
            sys.stderr.write(f"docs/reference is not what the code says ({', '.join(stale)}): run make docs\n")
        return 1 if stale else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in made:
            (PAGES / name).write_text(made[name], encoding="utf-8", newline="\n")
        else:
            (PAGES / name).unlink()
    print(f"docs/reference: {len(made)} pages, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
