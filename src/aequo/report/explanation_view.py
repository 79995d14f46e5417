"""What every view of an explanation shows, in which order and in which words; no layout.

Terminal, Markdown and HTML take their text from here, so that they cannot disagree on a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aequo.core.finding import Finding, Status
from aequo.report import words
from aequo.transparency.decision import DecisionExplanation
from aequo.transparency.explanation import DatasetExplanation, Dependence, GroupReliance, Importance
from aequo.transparency.ways import Counterfactual, Counterfactuals

__all__ = [
    "LEVELS",
    "Sheet",
    "contribution_sheet",
    "decision_facts",
    "decision_head",
    "decision_notes",
    "dependence_sheet",
    "facts",
    "finding_texts",
    "group_sheet",
    "headline",
    "importance_sheet",
    "measure_title",
    "notes",
    "number",
    "share",
    "signed",
    "span_text",
    "ways_sheet",
]

_MEASURES = {
    "squared": "Rise of the squared error",
    "log": "Rise of the log loss",
    "change": "Change of the score",
}
_SPACES = {"log-odds": "log-odds", "probability": "probability", "margin": "margin", "value": "value"}
_METHODS = {
    "linear": "exact, from the model's coefficients",
    "trees": "exact, from the model's trees",
    "exact": "exact, over all sets of columns",
    "permutation": "estimated over orders of the columns",
    "lime": "a linear model around the row (LIME)",
}
LEVELS = {True: Status.PASS, False: Status.WARN, None: Status.PASS}
"""In which colour a decision is shown: favourable, unfavourable, a number."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table in words.

    Attributes
    ----------
    title : str
        What it shows.
    heads : tuple of str
        Names of the columns; the first `texts` of them hold text.
    rows : tuple of tuple of str
        The cells.
    texts : int
        Columns of text at the left.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1


def number(value: float | None) -> str:
    """Return a number in three significant digits or four decimals, with the house's minus sign; a dash for none.

    Examples
    --------
    >>> number(0.012345), number(None), number(0.0), number(1234.5), number(0.00042), number(1e-9)
    ('0.0123', '–', '0', '1230', '0.0004', '0.0000')
    >>> number(-0.5) == chr(0x2212) + "0.5"
    True
    """
    if value is None:
        return "–"
    if 0 < abs(value) < 5e-5:
        return "0.0000"
    text = f"{value:.4f}" if 0 < abs(value) < 0.001 else f"{value:.3g}"
    text = f"{float(text):.0f}" if "e" in text else text
    return words.MINUS + text[1:] if text.startswith("-") else text


def share(value: float | None) -> str:
    """Return a share in percent; a dash for none."""
    return "–" if value is None else words.with_unit(value, "percent")


def span_text(span: Span | None) -> str:
    """Return an interval of plain numbers; a dash for none."""
    return "–" if span is None else f"{number(span[0])} to {number(span[1])}"


def _shares(span: Span | None) -> str:
    return "–" if span is None else words.span(span, "percent")


# -- the model over many people ---------------------------------------------------------------------------------------


def measure_title(explanation: DatasetExplanation) -> str:
    """Return what importance is, in words."""
    return _MEASURES[explanation.measure]


def _first(importances: Sequence[Importance]) -> str:
    parts = [words.name(i.name) + ("" if i.share is None else f" ({share(i.share)})") for i in importances[:3]]
    return words.joined(parts)


def headline(explanation: DatasetExplanation) -> tuple[str, str, str]:
    """Return a word, the sentence that stands first, and one on the groups; the last may be empty."""
    judged = [f for f in explanation.findings if f.required]
    word = words.WORDS[explanation.verdict] if judged else "Explained"
    first = _first(explanation.importances)
    lead = f"The model leans most on {first}."
    if all(i.share is None for i in explanation.importances):
        lead = f"What the model leans on, the data cannot tell; in the estimates it is most {first}."
    if all(i.value == 0 for i in explanation.importances):
        lead = "The model leans on nothing: its score is the same for everybody."
    worst = sorted(judged, key=lambda f: -f.status.severity)
    return word, lead, words.plain(worst[0].why) if worst else ""


def facts(explanation: DatasetExplanation) -> list[tuple[str, str]]:
    """Return names and values of what was looked at."""
    e = explanation
    out = [("Rows", words.thousands(e.rows)), ("Model", words.name(e.model)), ("Importance", measure_title(e))]
    if e.label is not None:
        good = "" if e.favourable is None else f" (favourable: {words.name(e.favourable)})"
        out.append(("Outcome", f"{words.name(e.label)}{good}"))
    if e.loss is not None:
        out.append(("Mean loss", number(e.loss)))
    return out


def importance_sheet(explanation: DatasetExplanation) -> Sheet:
    """Return the importance of each column."""
    e = explanation
    level = f"{100 * e.confidence:g}% interval"
    heads = ["Column", measure_title(e), level, "Share"]
    heads += [f"Mean size of contributions ({e.attribution_space})"] if e.attribution_space else []
    rows = []
    for i in e.importances:
        cells = [words.name(i.name), number(i.value), span_text(i.interval), share(i.share)]
        if e.attribution_space:
            cells.append(f"{number(i.attribution)} ({span_text(i.attribution_interval)})")
        rows.append(tuple(cells))
    return Sheet("What the model leans on", tuple(heads), tuple(rows))


def group_sheet(explanation: DatasetExplanation, subject: str) -> tuple[Sheet, list[GroupReliance]]:
    """Return the shares of each column by group, and the groups that are in it."""
    groups = [g for g in explanation.groups if g.subject == subject]
    judged = [g for g in groups if g.judged]
    reliance = {r.name: r for r in explanation.reliance if r.subject == subject}
    heads = ["Column", *(f"{words.name(g.group)} (n = {words.thousands(g.n)})" for g in judged)]
    heads += ["Largest difference"] if reliance else []
    rows = []
    for b, i in enumerate(explanation.importances):
        cells = [words.name(i.name)]
        cells += [f"{share(g.importances[b].share)} ({_shares(g.share_intervals[b])})" for g in judged]
        if reliance:
            r = reliance[i.name]
            cells.append(f"{words.with_unit(r.difference, 'points')} ({words.span(r.interval, 'points')})")
        rows.append(tuple(cells))
    return Sheet(f"Share of what the model leans on, by {words.name(subject)}", tuple(heads), tuple(rows)), groups


def dependence_sheet(dependence: Dependence, confidence: float) -> Sheet:
    """Return the points of a partial dependence."""
    second = "Rows up to it" if dependence.numeric else "Rows with it"
    heads = (words.name(dependence.column), "Mean score", f"{100 * confidence:g}% band", second)
    rows = tuple((_value(p.value), number(p.score), span_text(p.interval), share(p.share)) for p in dependence.points)
    return Sheet(f"Mean score by {words.name(dependence.column)}", heads, rows)


def _value(value: str | float | None) -> str:
    if value is None:
        return "missing"
    return words.name(value) if isinstance(value, str) else f"{value:.6g}".replace("-", words.MINUS)


def finding_texts(findings: Sequence[Finding]) -> list[tuple[Status, str, str]]:
    """Return status, title and sentence of each finding, worst first."""
    titles = {"reliance": "Leans on the same columns, by", "stability": "Explanations stay, of the"}
    ranked = sorted(findings, key=lambda f: (-f.status.severity, f.id))
    return [
        (f.status, words.plain(f"{titles.get(f.check, f.check)} {f.subject.replace('-', ' ')}"), words.plain(f.why))
        for f in ranked
    ]


def notes(explanation: DatasetExplanation) -> list[str]:
    """Return method and limits, one sentence each."""
    e = explanation
    level = f"{100 * e.confidence:g}%"
    out = [
        f"Importance: the {words.lowered(measure_title(e))} when a row gets somebody else's value, the mean over "
        f"{words.thousands(e.rows)} rows and {e.repeats} donors each. Intervals are at {level} for each number by "
        "itself, and count rows and donors.",
    ]
    if e.groups:
        out.append(
            "In a group, values come from others of the group. Groups are compared in shares of the sum over the "
            f"columns; the low ends of the differences hold for all columns and pairs of groups at once. The limit is "
            f"{words.with_unit(e.limit, 'points')}."
        )
    several = len({g.subject for g in e.groups})
    if several > 1:
        out.append(
            f"{several} columns of groups are judged together: the differences between groups are at "
            f"{100 * (1 - (1 - e.confidence) / several):.4g}%, so that they err together no more often than one."
        )
    for a, b, r in e.correlated[:10]:
        out.append(
            f"{words.name(a)} and {words.name(b)} say nearly the same (association {r:.2f}): permuting one alone makes "
            "people that nobody is, and each covers for the other. Permute them together to see both."
        )
    if len(e.correlated) > 10:
        out.append(f"{len(e.correlated) - 10} more pairs of columns say nearly the same.")
    if e.attribution_method is not None:
        out.append(
            f"Contributions: Shapley values, {_METHODS[e.attribution_method]}; a column's parts, such as its "
            "categories, are summed."
        )
    else:
        out.append("Shapley values and stability were not measured: this model's form does not give them at once.")
    if e.dependence:
        out.append(
            f"Mean score: if everybody had one value of the column and else stayed as they are; bands are at {level} "
            "for all points of a column at once. It is what the model does, not what would happen."
        )
    out += [words.plain(n) for n in e.notes]
    return [*out, "All this holds for these rows. On rows that the model was trained on it says what it has learned."]


# -- one decision -----------------------------------------------------------------------------------------------------


def decision_head(explanation: DecisionExplanation) -> tuple[str, str, str]:
    """Return a word, the sentence that stands first, and one on what would change it; the last may be empty."""
    x = explanation.explained
    if x.favourable is None:
        return "Predicted", f"Row {words.thousands(explanation.row)}: the model predicts {number(x.score)}.", ""
    word = words.name(explanation.outcome[:1].upper() + explanation.outcome[1:])
    word = word if x.favourable else f"Not {word[:1].lower()}{word[1:]}"
    lead = f"Row {words.thousands(explanation.row)}: the score is {number(x.score)}."
    ways = explanation.counterfactuals
    return word, lead, "" if ways is None or x.favourable else words.plain(ways.why)


def decision_facts(explanation: DecisionExplanation) -> list[tuple[str, str]]:
    """Return names and values of what is known of the decision."""
    x, a = explanation.explained, explanation.explained.attribution
    out = [("Model", words.name(explanation.model))]
    if x.confidence is not None:
        reach = words.span((x.confidence.low, x.confidence.high), "percent")
        out.append(("Confidence", f"{share(x.confidence.value)} ({reach}), n = {words.thousands(x.confidence.n)}"))
    else:
        out.append(("Confidence", f"unknown: {words.plain(x.no_confidence)}"))
    out += [
        ("Contributions", f"{_SPACES[a.space]}; {_METHODS[a.method]}"),
        ("Base", number(a.base)),
        ("Answer", number(a.output)),
        ("Additivity error", "0 but for rounding" if abs(a.additivity_error) < 1e-9 else f"{a.additivity_error:.2g}"),
    ]
    return out


def contribution_sheet(explanation: DecisionExplanation, most: int | None = None) -> Sheet:
    """Return the contributions, the largest first."""
    a = explanation.explained.attribution
    at = {name: i for i, name in enumerate(a.columns)}
    heads = ["Column", "Value", f"Contribution ({_SPACES[a.space]})"]
    heads += ["Standard error"] if a.standard_errors is not None else []
    rows = []
    for name, value in a.top(most):
        cells = [words.name(name), _value(_cell(explanation.explained.values.get(name))), signed(value)]
        if a.standard_errors is not None:
            cells.append(number(float(a.standard_errors[at[name]])))
        rows.append(tuple(cells))
    return Sheet("What counted, and how much", tuple(heads), tuple(rows), texts=2)


def _cell(value: object) -> str | float | None:
    from aequo.core.levels import level

    text = level(value)
    if text is None or isinstance(value, (str, bool)):
        return text
    try:
        return float(text)
    except ValueError:
        return text


def signed(value: float) -> str:
    """Return a number with its sign.

    Examples
    --------
    >>> signed(0.25), signed(0.0)
    ('+0.25', '0')
    """
    return f"+{number(value)}" if value > 0 else number(value)


def ways_sheet(found: Counterfactuals) -> Sheet:
    """Return the counterfactuals."""
    rows = tuple((words.plain(w.sentence), number(w.score), str(len(w.changes)), _near(w)) for w in found.found)
    return Sheet("What would have changed it", ("Change", "Score then", "Columns", "From the nearest person"), rows)


def _near(way: Counterfactual) -> str:
    return "not asked" if way.nearest is None else number(way.nearest)


def decision_notes(explanation: DecisionExplanation) -> list[str]:
    """Return method and limits, one sentence each."""
    x, a = explanation.explained, explanation.explained.attribution
    above = "raises the value" if x.favourable is None else "is in favour of the person"
    many = explanation.background_rows
    over = "the training rows that went each way in the trees" if many is None else f"{words.thousands(many)} rows"
    out = [
        f"Contributions are in {_SPACES[a.space]}: above 0 {above}, and with the base they add up to "
        f"the answer. The base is the answer for nobody in particular, over {over}."
    ]
    if x.confidence is not None:
        out.append("Confidence: Venn-Abers, from rows whose outcome is known; the model's own score is no confidence.")
    ways = explanation.counterfactuals
    if ways is not None and not ways.already:
        s = ways.searched
        out.append(
            f"What would have changed it: {words.thousands(s.asked)} changed rows were given to the model, with up to "
            f"{s.max_changed} of {len(s.columns)} columns changed"
            + (f" and {words.joined(s.immutable, most=8)} as they are" if s.immutable else "")
            + ". "
            + ("Every value of each single column was tried. " if s.exhaustive else "")
            + "A change is held against real people with the other decision: nobody is asked to be like no one."
        )
        out += [words.plain(f"{text[:1].upper()}{text[1:]}.") for text in s.limits]
        out.append("It speaks of the model and not of the world: it is no promise that a change can be made, or helps.")
        if not s.immutable:
            out.append("No column was declared immutable.")
    out += [words.plain(f"{note[:1].upper()}{note[1:]}.") for note in x.notes]
    return [*out, *(words.plain(n) for n in explanation.notes)]
