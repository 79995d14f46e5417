"""What every view shows of who gains and who pays, and in which order: tables, and sentences that need no chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aequo.core.finding import Status
from aequo.ethics.impact import Flip, GroupUtility, Impact, Options, Ranking, StakeholderImpact, Welfare
from aequo.ethics.welfare import WELFARES
from aequo.report import words
from aequo.report.ethics import EthicsReport

__all__ = [
    "GroupLine",
    "Head",
    "Part",
    "WelfareLine",
    "facts",
    "headline",
    "loses_most",
    "number",
    "parts",
    "sentences",
    "signed",
    "span",
    "welfare_lines",
]


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One group in the eyes of one stakeholder, as text."""

    group: str
    n: str
    utility: str
    interval: str
    benefit: str
    harm: str
    before: str
    change: str
    change_interval: str
    why: str


@dataclass(frozen=True, slots=True)
class WelfareLine:
    """One form of welfare, as text: of all stakeholders, before and now, and which option it prefers."""

    form: str
    meaning: str
    value: str
    interval: str
    before: str
    prefers: str


@dataclass(frozen=True, slots=True)
class Part:
    """All that is shown of one stakeholder.

    Attributes
    ----------
    title : str
        Who, and in whose groups.
    intro : str
        What the table holds.
    utilities : str
        What outcomes are worth, in words.
    lines : tuple of GroupLine
        The groups.
    compared : bool
        Whether there is a baseline.
    stakeholder : StakeholderImpact
        The numbers.
    before : tuple of (GroupUtility or None)
        The same groups under the baseline.
    """

    title: str
    intro: str
    utilities: str
    lines: tuple[GroupLine, ...]
    compared: bool
    stakeholder: StakeholderImpact
    before: tuple[GroupUtility | None, ...]


def number(value: float | None) -> str:
    """Return a utility for people, or an empty text."""
    return "" if value is None else words.with_unit(value, "number")


def signed(value: float | None) -> str:
    """Return a change with its sign."""
    return "" if value is None else words.signed(value, "number")


def span(interval: tuple[float, float] | None) -> str:
    """Return an interval for people, or an empty text."""
    return "" if interval is None else words.span(interval, "number")


def parts(impact: Impact) -> list[Part]:
    """Return one part for each stakeholder."""
    return [_part(impact, s, i) for i, s in enumerate(impact.stakeholders)]


def _part(impact: Impact, s: StakeholderImpact, index: int) -> Part:
    old = None if impact.options is None else impact.options.impacts.get("baseline")
    earlier = {} if old is None else {g.group: g for g in old.stakeholders[index].groups}
    before = tuple(earlier.get(g.group) for g in s.groups)
    who = words.plain(s.name)
    intro = f"What {who} can expect from one decision, by {words.subject_title(impact.subject)}: benefit less harm."
    if s.one_party:
        intro = f"{who} is one party: what it can expect from one decision on each group."
    if len(impact.stakeholders) > 1:
        intro += f" Weight {words.with_unit(s.weight, 'percent')}."
    lines = tuple(_line(g, b) for g, b in zip(s.groups, before, strict=True))
    return Part(who, intro, _utilities(s), lines, impact.loses_most is not None, s, before)


def _utilities(s: StakeholderImpact) -> str:
    said = ", ".join(f"{words.plain(k)} {_given(v)}" for k, v in s.utilities.items())
    for group, table in s.by_group.items():
        said += f"; for {words.name(group)} " + ", ".join(f"{words.plain(k)} {_given(v)}" for k, v in table.items())
    return f"What outcomes are worth: {said}."


def _given(value: float) -> str:
    """Return a number as it was written."""
    return f"{value:.12g}".replace("-", words.MINUS)


def _line(g: GroupUtility, before: GroupUtility | None) -> GroupLine:
    return GroupLine(
        group=words.name(g.group),
        n="–" if g.n is None else words.thousands(g.n),
        utility=number(g.utility),
        interval=span(g.interval),
        benefit=number(g.benefit),
        harm=number(g.harm),
        before="" if before is None else number(before.utility),
        change=signed(g.change),
        change_interval=span(g.change_interval),
        why=g.why or "",
    )


def welfare_lines(impact: Impact) -> list[WelfareLine]:
    """Return welfare of all stakeholders in every form, side by side."""
    options = impact.options
    old = None if options is None else options.impacts.get("baseline")
    earlier = {} if old is None else {w.form: w for w in old.welfare}
    return [
        WelfareLine(
            form=WELFARES[w.form].title,
            meaning=WELFARES[w.form].meaning,
            value=_welfare(w),
            interval=span(w.interval),
            before=_welfare(earlier[w.form]) if w.form in earlier else "",
            prefers="" if options is None else _prefers(options.ranking(w.form)),
        )
        for w in impact.welfare
    ]


def _welfare(w: Welfare) -> str:
    if w.value is not None:
        return number(w.value)
    return ", ".join(number(v) for v in w.order) if w.order else "not defined"


def _called(option: str) -> str:
    return {"decisions": "these decisions", "baseline": "the baseline"}.get(option, words.plain(option))


def _prefers(ranking: Ranking) -> str:
    if not ranking.standings:
        return "not defined"
    if ranking.standings[1].behind == 0.0 or (ranking.form == "leximin" and ranking.standings[1].probability == 0.5):
        return "neither"
    return f"{_called(ranking.standings[0].option)}{'' if ranking.certain else ', not certain'}"


# -- sentences --------------------------------------------------------------------------------------------------------


def sentences(impact: Impact) -> list[str]:
    """Return what the numbers come to, one plain sentence each: who is worst off, who loses most, what would flip."""
    out = [_worst(s) for s in impact.stakeholders if s.gap is not None]
    if impact.loses_most is not None:
        out.append(loses_most(impact))
    if impact.options is not None:
        flips = _worth_saying(impact.options)
        out += [_preferred(impact.options), *(_flip(f) for f in flips if f.at)]
        out += [*_never([f for f in flips if not f.at]), _pareto(impact.options)]
    return [words.plain(text) for text in out]


def _worst(s: StakeholderImpact) -> str:
    gap = s.gap
    if gap is None:
        return ""
    if gap.interval[0] <= 0:
        return (
            f"{s.name}: whether groups differ in what they can expect, the data cannot tell; in the estimates "
            f"{gap.worst} has {number(gap.value)} less than {gap.best} (interval {span(gap.interval)})."
        )
    return (
        f"{s.name}: {gap.worst} can expect least, {number(gap.value)} less than {gap.best} (interval "
        f"{span(gap.interval)})."
    )


def loses_most(impact: Impact) -> str:
    """Return who loses most against the baseline, as a sentence; empty where there is none."""
    change = impact.loses_most
    if change is None:
        return ""
    who = f"{change.group} ({change.stakeholder})" if change.group else change.stakeholder
    size = f"{signed(change.value)} (interval {span(change.interval)})"
    if change.value == 0:
        return f"Against the baseline nobody loses: the least change is that of {who}, {size}."
    if change.value > 0:
        return f"Against the baseline nobody loses in the estimates; {who} gains least, {size}."
    sure = "" if change.certain else "; whether that is more than chance, the data cannot tell"
    return f"Against the baseline {who} loses most, {size}{sure}."


def _preferred(options: Options) -> str:
    firsts: dict[str, list[str]] = {}
    for r in options.rankings:
        if r.form != "sum" and r.standings:
            firsts.setdefault(_prefers(r), []).append(_form(r.form))
    return (
        "Preferred: "
        + "; ".join(f"{option} by {words.joined(forms, most=8)}" for option, forms in firsts.items())
        + "."
    )


def _form(form: str) -> str:
    """Return the name of a form as it stands in the middle of a sentence."""
    title = WELFARES[form].title
    return title if form in ("atkinson", "nash") else words.lowered(title)


def _worth_saying(options: Options) -> Sequence[Flip]:
    """Return flips of weights under the mean and maximin, and of parameters; the others are in the JSON.

    Of two stakeholders the second's weight says all: the first's is what is left.
    """
    stakeholders = next(iter(options.impacts.values())).stakeholders
    mirrored = f"weight of {stakeholders[0].name}" if len(stakeholders) == 2 else None
    apart = [f for f in options.flips if options.ranking(f.form).standings[1].behind != 0.0]
    weights = [f for f in apart if not _moves(f) and f.form in ("mean", "maximin") and f.moves != mirrored]
    return weights + [f for f in apart if _moves(f)]


def _moves(flip: Flip) -> bool:
    return not flip.moves.startswith("weight of ")


def _setting(flip: Flip, value: float) -> str:
    return f"{value:.3g}" if _moves(flip) else words.with_unit(value, "percent")


def _flip(flip: Flip) -> str:
    form, (first, second) = WELFARES[flip.form].title, flip.options
    at = words.joined([_setting(flip, x) for x in flip.at], most=5)
    unsure = ""
    if flip.unsure is not None:
        low, high = (_setting(flip, x) for x in flip.unsure)
        unsure = f"; from {low} to {high} the data cannot tell"
    return (
        f"{form}: {_called(first)} and {_called(second)} change places where the {flip.moves} is {at} (now "
        f"{_setting(flip, flip.now)}{unsure})."
    )


def _never(flips: Sequence[Flip]) -> list[str]:
    """Return a sentence for each pair of options that some weights and parameters never turn over."""
    out = []
    for pair in dict.fromkeys(f.options for f in flips):
        forms: dict[str, list[str]] = {}
        for f in flips:
            if f.options == pair:
                low, high = (_setting(f, x) for x in f.within)
                forms.setdefault(f"the {f.moves} from {low} to {high}", []).append(_form(f.form))
        moves = words.joined([f"{what} ({words.joined(names)})" for what, names in forms.items()], most=9)
        first, second = (_called(option) for option in pair)
        stay = "stays" if pair[0] == "baseline" else "stay"
        out.append(f"{first[:1].upper()}{first[1:]} {stay} ahead of {second} whatever {moves}.")
    return out


def _pareto(options: Options) -> str:
    if all((s.behind or 0.0) == 0.0 for r in options.rankings for s in r.standings):
        return "Both options bring the same to everyone."
    if not options.dominated:
        return "Neither option is at least as good for everyone: who prefers which depends on whose gain counts more."
    worse, better = next(iter(options.dominated.items()))
    first, verb = _called(better[0]), "is" if better[0] == "baseline" else "are"
    return (
        f"{first[:1].upper()}{first[1:]} {verb} at least as good for everyone as {_called(worse)}, and better for "
        "some, in the estimates."
    )


# -- a report's head --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """What a report says first."""

    status: str
    glyph: str
    word: str
    lead: str
    detail: str = ""


def headline(report: EthicsReport) -> Head:
    """Return the verdict in plain words; where nothing was to be judged, what was weighed."""
    verdict = report.verdict
    if verdict is None:
        many = len(report.impacts)
        what = f"{many} way{'' if many == 1 else 's'} of grouping people"
        return Head("unknown", "≈", "Weighed", f"What decisions bring, over {what}; the policy sets no limit to it.")
    failed = [f for f in report.findings if f.status is Status.FAIL]
    unknown = [f for f in report.findings if f.status is Status.UNKNOWN]
    n = len(report.findings)
    all_ = f"{n} finding{'' if n == 1 else 's'}"
    if failed:
        lead = f"{len(failed)} of {all_} break{'s' if len(failed) == 1 else ''} a limit or a duty."
    elif unknown:
        lead = f"Nothing is broken for certain, but {len(unknown)} of {all_} cannot be judged."
    else:
        lead = f"All {all_} hold." if n > 1 else "The only finding holds."
    first = next(iter(failed or unknown), None)
    detail = "" if first is None else f"{words.finding_title(first)}: {words.plain(first.why)}"
    return Head(verdict.value, words.GLYPHS[verdict], words.WORDS[verdict], lead, detail)


def facts(report: EthicsReport) -> list[tuple[str, str]]:
    """Return what was weighed, as pairs of name and text."""
    c = report.columns
    decision = c.get("prediction") or c.get("score") or c.get("label") or ""
    out = [("Rows", words.thousands(report.rows)), ("Decision", str(decision))]
    if c.get("label") and decision != c["label"]:
        out.append(("True outcome", str(c["label"])))
    out.append(("Baseline", str(c.get("baseline") or "")))
    out.append(("Groups", words.joined([str(g) for g in c.get("groups") or ()], most=6)))
    out.append(("Stakeholders", words.joined([s.name for s in report.policy.ethics.stakeholders], most=6)))
    out.append(("Confidence", f"{100 * report.policy.statistics.confidence:g}%"))
    return [(name, words.plain(text)) for name, text in out if text]
