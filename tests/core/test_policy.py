"""Policies: what is written is read back, and what cannot be meant is refused in one sentence with its line."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.core.policy import CHECKS, LIMITS, REQUIRED, Policy
from aequo.errors import PolicyError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=15)
COLUMN = TEXT.filter(lambda t: t.strip() != "")
LEVEL = COLUMN.map(lambda t: __import__("unicodedata").normalize("NFC", t)).filter(bool)


@st.composite
def shares(draw: st.DrawFn) -> dict[str, float]:
    names = draw(st.lists(LEVEL, min_size=1, max_size=4, unique=True))
    parts = draw(st.lists(st.integers(1, 100), min_size=len(names), max_size=len(names)))
    return {name: part / sum(parts) for name, part in zip(names, parts, strict=True)}


@st.composite
def ledgers(draw: st.DrawFn) -> dict[str, Any]:
    days = draw(st.integers(1, 10**6))
    return {
        "url": draw(st.none() | TEXT.filter(bool).map(lambda t: f"sqlite:///{t}".partition("?")[0])
                    .filter(lambda u: u != "sqlite:///") | st.just("postgresql://me@host:5432/decisions")),
        "key": draw(st.none() | st.just("env:AEQUO_KEY") | COLUMN.map(lambda t: f"file:{t}")),
        "origin": draw(st.none() | st.sampled_from(["example.com/loans", "kredite/zürich"])),
        "inputs": draw(st.sampled_from(["digest", "keep"])),
        "retention_days": days,
        "retention_reason": draw(COLUMN if days < 183 else TEXT),
    }  # fmt: skip


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    columns = draw(st.lists(COLUMN, max_size=9, unique=True))
    groups, rest = columns[: len(columns) // 2], columns[len(columns) // 2 :]
    role = [*rest, None, None, None, None]
    per_column = st.sampled_from(groups) if groups else st.nothing()
    return Policy(
        required=draw(st.lists(st.sampled_from(CHECKS), unique=True, max_size=5)),
        system=dict(zip(("name", "purpose", "people"), draw(st.tuples(TEXT, TEXT, TEXT)), strict=True)),
        data={
            "label": role[0],
            "prediction": role[1],
            "weight": role[2],
            "favourable": draw(st.none() | LEVEL | st.integers() | st.booleans() | st.floats(-1e6, 1e6)),
            "threshold": draw(st.none() | st.floats(0, 1)),
            "task": draw(st.sampled_from(["auto", "binary", "multiclass", "regression"])),
            "missing": draw(st.lists(TEXT, max_size=3)),
        },
        groups={
            "columns": groups,
            "controls": rest[3:],
            "intersections": draw(st.sampled_from(["advisory", "required", "off"])),
            "min_size": draw(st.integers(1, 10**9)),
            "max_groups": draw(st.integers(1, 10**6)),
            "reference": draw(st.dictionaries(per_column, LEVEL)),
            "population": draw(st.dictionaries(per_column, shares())),
        },
        statistics={
            "confidence": draw(st.floats(0.5, 0.9999)),
            "multiplicity": draw(st.sampled_from(["holm", "none"])),
            "seed": draw(st.integers(0, 2**32 - 1)),
        },
        privacy={"suppress_below": draw(st.integers(0, 10**9))},
        ledger=draw(ledgers()),
        limits=draw(st.dictionaries(st.sampled_from(sorted(LIMITS)), st.floats(0.5, 1))
                    .map(lambda d: {k: min(v, LIMITS[k].high) for k, v in d.items()})),
    )  # fmt: skip


# -- laws


@given(policies())
def test_a_policy_written_as_toml_is_read_back(policy: Policy) -> None:
    assert Policy.parse(policy.to_toml()) == policy


@given(policies())
def test_a_policy_survives_windows_line_ends_and_a_byte_order_mark(policy: Policy) -> None:
    assert Policy.parse("\ufeff" + policy.to_toml().replace("\n", "\r\n")) == policy


@given(policies())
def test_plain_values_json_copies_and_pickles_give_the_policy_back(policy: Policy) -> None:
    assert Policy.from_dict(json.loads(json.dumps(policy.to_dict()))) == policy
    for twin in (copy.deepcopy(policy), pickle.loads(pickle.dumps(policy)), policy.replace()):
        assert twin == policy
        assert hash(twin) == hash(policy)
        assert twin.digest() == policy.digest()


@given(policies(), policies())
def test_the_digest_tells_policies_apart(one: Policy, other: Policy) -> None:
    assert (one.digest() == other.digest()) == (one == other)


def test_the_digest_is_the_hash_of_sorted_json() -> None:
    text = json.dumps(Policy().to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert Policy().digest() == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_any_text_is_a_policy_or_gets_one_sentence(text: str) -> None:
    _parse_or_one_sentence(text)


_LINES = [
    line for line in Policy.parse('[data]\nlabel = "y"').to_toml().split("\n") if line and not line.startswith("#")
]
_JUNK = st.sampled_from(['"', "[", "]", "{", "}", "=", ".", ",", "#", "-1", "1e999", "nan", "true", '"x"', "[[", "\n"])


@settings(max_examples=300)
@given(st.lists(st.sampled_from(_LINES), max_size=8), st.integers(0, 400), _JUNK)
def test_any_garbled_policy_is_a_policy_or_gets_one_sentence(lines: list[str], at: int, junk: str) -> None:
    text = "\n".join(lines)
    at = min(at, len(text))
    _parse_or_one_sentence(text[:at] + junk + text[at:])


def _parse_or_one_sentence(text: str) -> None:
    try:
        policy = Policy.parse(text)
    except PolicyError as error:
        sentence = str(error)
    else:
        assert Policy.parse(policy.to_toml()) == policy
        return
    assert sentence.startswith("aequo.toml:")
    assert "\n" not in sentence


# -- what a policy says


def test_an_empty_file_is_the_default_policy() -> None:
    assert Policy.parse("") == Policy.parse("\ufeff") == Policy.parse("# nothing\r\n") == Policy()


def test_the_defaults_are_the_published_thresholds() -> None:
    policy = Policy()
    assert {c: policy.limit(c) for c in REQUIRED if c != "small-groups"} == {
        "demographic-parity": 0.1,
        "disparate-impact": 0.8,
        "equal-opportunity": 0.1,
        "equalized-odds": 0.1,
        "mean-outcome-parity": 0.1,
        "error-parity": 0.1,
        "representation": 0.05,
        "label-divergence": 0.1,
        "missing-rate-variance": 0.01,
    }
    assert policy.groups.min_size == 20
    assert policy.privacy.suppress_below == 5
    assert policy.statistics.confidence == 0.95
    assert policy.data.missing == ("",)


def test_a_ledger_is_kept_for_six_months_unless_the_policy_says_why_not() -> None:
    assert Policy().ledger.retention_days == 183
    short = Policy.parse('[ledger]\nretention_days = 30\nretention_reason = "the court of Z. told us to"')
    assert short.ledger.retention_days == 30


def test_a_key_that_stands_in_a_policy_is_not_shown_when_it_is_refused() -> None:
    for value in ("c2VjcmV0", "hex:736563726574", "file", 736563726574):
        with pytest.raises(PolicyError) as caught:
            Policy(ledger={"key": value})
        assert "736563726574" not in str(caught.value) and "c2VjcmV0" not in str(caught.value)


def test_values_of_groups_and_labels_are_canonical() -> None:
    text = """
    data.favourable = 1.0
    data.missing = ["", "NA", -9, "NA"]
    groups.columns = ["married", "born", "café"]
    groups.reference = { married = true, born = 1970-01-01 }
    groups.population."café" = { "cafe\\u0301" = 0.4, b = 0.6 }
    """
    policy = Policy.parse(text)
    assert policy.data.favourable == "1"
    assert policy.data.missing == ("", "NA", "-9")
    assert policy.groups.reference == {"married": "True", "born": "1970-01-01"}
    assert policy.groups.population == {"café": {"b": 0.6, "café": 0.4}}


def test_replace_changes_keys_and_leaves_the_rest() -> None:
    base = Policy.parse('[groups]\ncolumns = ["race", "sex"]\nreference = { race = "w", sex = "m" }')
    changed = base.replace(**{"data.label": "y", "groups.columns": ("sex", "age"), "limits.proxies": 0.9})
    assert changed.data.label == "y"
    assert changed.groups.columns == ("sex", "age")
    assert changed.groups.reference == {"sex": "m"}
    assert changed.limit("proxies") == 0.9
    assert changed.limits == {**base.limits, "proxies": 0.9}
    assert base.groups.columns == ("race", "sex")
    assert base.replace(required=["proxies"]).required == ("proxies",)


def test_a_policy_cannot_be_changed_in_place() -> None:
    policy = Policy()
    with pytest.raises(AttributeError):
        policy.required = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        policy.data.label = "y"  # type: ignore[misc]
    with pytest.raises(TypeError):
        policy.limits["proxies"] = 0.6  # type: ignore[index]


def test_the_written_file_explains_every_key() -> None:
    for line in Policy().to_toml().split("\n"):
        assert line == "" or "#" in line or line in {"required = [", "]"} or line.startswith("    "), line


# -- what a policy cannot mean: the line, what was seen, what is expected

REFUSED = {
    'x = 1':
        "1: there is no section or key 'x' here. There are: required, system, data, groups, statistics, privacy, "
        "ledger, erase, ethics, duties, limits.",
    '\n[grops]\n': "2: there is no section or key 'grops' here. Did you mean 'groups'?",
    'label = "y"': "1: there is no section or key 'label' here. It belongs below [data].",
    'data = 3': "1: data is 3, expected a section [data] with its keys below it.",
    '[[data]]\nlabel = "y"': "1: data is a list, expected a section [data] with its keys below it.",
    '[data]\n\nlable = "y"': "3: [data] has no key 'lable'. Did you mean 'label'?",
    '[data]\ncolumns = ["a"]': "2: [data] has no key 'columns'. It belongs below [groups].",
    '[data]\nlabel = 3': "2: data.label is 3, expected the name of a column, in quotes.",
    '[data]\nlabel = ""': "2: data.label is '', expected the name of a column, in quotes.",
    '[data]\nfavourable = ["y"]':
        "2: data.favourable is a list, expected one value: text, a number, a boolean or a date.",
    '[data]\nfavourable = ""': "2: data.favourable is '', expected one value: text, a number, a boolean or a date.",
    '[data]\nfavourable = nan': "2: data.favourable is nan, expected one value: text, a number, a boolean or a date.",
    '[data]\nthreshold = 1.2': "2: data.threshold is 1.2, expected a number from 0 to 1.",
    '[data]\nthreshold = 50': "2: data.threshold is 50, expected a number from 0 to 1 (write 0.5 for 50 %).",
    '[data]\nthreshold = true': "2: data.threshold is true, expected a number from 0 to 1.",
    '[data]\nthreshold = nan': "2: data.threshold is nan, expected a number from 0 to 1.",
    '[data]\ntask = "binery"':
        "2: data.task is 'binery', expected 'auto', 'binary', 'multiclass' or 'regression'. Did you mean 'binary'?",
    '[data]\nmissing = "NA"': "2: data.missing is 'NA', expected a list such as [\"\", \"NA\", \"?\"].",
    '[data]\nmissing = ["NA",\n  true]': "3: data.missing[2] is true, expected text or a number that means missing.",
    '[data]\nlabel = "y"\nscore = "y"': "3: data.score names 'y', which is the label.",
    '[groups]\ncolumns = "race"':
        "2: groups.columns is 'race', expected a list of columns such as [\"race\", \"sex\"].",
    '[groups]\ncolumns = [\n "race",\n "sex",\n "race",\n]': "5: groups.columns names 'race' twice.",
    '[groups]\ncolumns = ["race", 3]': "2: groups.columns[2] is 3, expected the name of a column, in quotes.",
    '[groups]\ncolumns = ["race"]\ncontrols = ["race"]':
        "3: groups.controls names 'race', which is in groups.columns too.",
    '[groups]\ncolumns = ["y"]\n[data]\nlabel = "y"': "2: groups.columns names 'y', which is the label column.",
    '[groups]\nmin_size = -1': "2: groups.min_size is -1, expected a whole number from 1 to 1,000,000,000.",
    '[groups]\nmin_size = 2.5': "2: groups.min_size is 2.5, expected a whole number from 1 to 1,000,000,000.",
    '[groups]\nintersections = "on"':
        "2: groups.intersections is 'on', expected 'advisory', 'required' or 'off'.",
    '[groups]\ncolumns = ["race"]\n[groups.reference]\n"rase" = "w"':
        "4: groups.reference names 'rase', which is not in groups.columns. Did you mean 'race'?",
    '[groups]\nreference = "w"': "2: groups.reference is 'w', expected a table such as { race = \"white\" }.",
    '[groups.population]\nsex = { f = 0.5, m = 0.6 }':
        "2: groups.population.sex has shares that sum to 1.1, expected 1.",
    '[groups.population]\nsex = { f = 1.5, m = -0.5 }':
        "2: groups.population.sex.f is 1.5, expected a share from 0 to 1.",
    '[groups.population.sex]\nf = 51\nm = 49':
        "2: groups.population.sex.f is 51, expected a share from 0 to 1 (write 0.51 for 51 %).",
    '[groups]\ncolumns = ["race"]\npopulation.sex = { f = 1 }':
        "3: groups.population names 'sex', which is not in groups.columns.",
    '[groups.population]\nx = {}': "2: groups.population.x has shares that sum to 0, expected 1.",
    '[statistics]\nconfidence = 1.2': "2: statistics.confidence is 1.2, expected a number from 0.5 to 0.9999.",
    '[statistics]\nconfidence = 95':
        "2: statistics.confidence is 95, expected a number from 0.5 to 0.9999 (write 0.95 for 95 %).",
    '[statistics]\nseed = -1': "2: statistics.seed is -1, expected a whole number from 0 to 4,294,967,295.",
    '[privacy]\nsuppress_below = -5':
        "2: privacy.suppress_below is -5, expected a whole number from 0 to 1,000,000,000.",
    '[ledger]\nurl = "decisions.db"':
        "2: ledger.url is 'decisions.db', expected a url such as sqlite:///ledger.db or "
        "postgresql://user@host/database.",
    '[ledger]\nurl = "postgresql://me:hunter2@host/db"':
        "2: ledger.url holds a password, expected a url without one: leave it to PGPASSWORD or ~/.pgpass.",
    '[ledger]\nurl = "postgresql://host/db?password=hunter2"':
        "2: ledger.url holds a password, expected a url without one: leave it to PGPASSWORD or ~/.pgpass.",
    '[ledger]\nkey = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI="':
        "2: ledger.key names no place of a key, expected file:PATH or env:NAME; the key itself does not belong in a "
        "policy.",
    '[ledger]\nkey = "file:"':
        "2: ledger.key names no place of a key, expected file:PATH or env:NAME; the key itself does not belong in a "
        "policy.",
    '[ledger]\norigin = "our loans"':
        "2: ledger.origin is 'our loans', expected a name without blanks and plus signs, such as example.com/loans.",
    '[ledger]\ninputs = "all"': "2: ledger.inputs is 'all', expected 'digest' or 'keep'.",
    '[ledger]\nretention_days = 0': "2: ledger.retention_days is 0, expected a whole number from 1 to 1,000,000.",
    '[ledger]\nretention_days = 30':
        "2: ledger.retention_days is 30, and fewer than 183 (six months) need a reason: say it in "
        "ledger.retention_reason.",
    '[limits]\nproxies = 0.3': "2: limits.proxies is 0.3, expected a number from 0.5 to 1.",
    '[limits]\ndemographic_parity = -0.1': "2: limits.demographic_parity is -0.1, expected a number from 0 to 1.",
    '[limits]\nerror_parity = -1': "2: limits.error_parity is -1, expected a number from 0 up.",
    '[limits]\nerror_parity = inf': "2: limits.error_parity is inf, expected a number from 0 up.",
    '[limits]\n"demographic-parity" = 0.1':
        "2: limits has no key 'demographic-parity'. Did you mean 'demographic_parity'?",
    '[limits]\nrequired = []':
        "2: limits has no key 'required'. It belongs at the top of the file, before the first section.",
    'required = ["proxies", "demografic-parity"]':
        "1: required names 'demografic-parity', which is no check. Did you mean 'demographic-parity'?",
    'required = ["proxies", "proxies"]': "1: required names 'proxies' twice.",
    'required = "proxies"': "1: required is 'proxies', expected a list of checks such as [\"demographic-parity\"].",
    '[data]\nlabel = y':
        "2: not valid TOML: invalid value (column 9). Text needs quotes, and a number a digit before its point.",
    '[data]\n\n\nlabel = "y': "4: not valid TOML: unterminated string at the end of the file.",
    '[data]\nlabel = "y"\nlabel = "z"\n': "3: not valid TOML: cannot overwrite a value (column 12).",
    '[data]\n[data]': "2: not valid TOML: cannot declare ('data',) twice (column 6).",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_policy_cannot_mean_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(text, source="p.toml")
    assert str(caught.value) == f"p.toml:{REFUSED[text]}"
    with pytest.raises(ValueError, match=r"TOML|expected|names|no key|no section|sum|reason"):
        Policy.parse(text.replace("\n", "\r\n"))


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "x = " + "9" * 5000])
def test_numbers_and_nesting_without_end_are_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="too long or tables nest too deep"):
        Policy.parse(text)


def test_a_huge_number_is_refused_and_not_printed() -> None:
    with pytest.raises(PolicyError, match=r"threshold is 10{46}\.\.\., expected"):
        Policy.parse("[data]\nthreshold = 1" + "0" * 400)


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("statistics", {"confidence": 95}, "statistics.confidence is 95, expected"),
        ("data", {"label": "\ud800"}, "half of a surrogate pair"),
        ("groups", {"columns": {"race"}}, "groups.columns is {'race'}, expected a list"),
        ("data", {"favourable": object}, "data.favourable is <class 'object'>"),
        ("groups", {"population": {"sex": {1: 0.5, "1": 0.5}}}, "names the group '1' twice"),
    ],
)
def test_python_is_held_to_the_same_rules(section: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(**{section: values})
    assert message in str(caught.value)
    assert caught.value.key[0] == section


def test_replace_refuses_unknown_keys() -> None:
    for wrong in ("data.lable", "dta.label", "lable"):
        with pytest.raises(PolicyError):
            Policy().replace(**{wrong: "y"})


def test_a_check_without_a_limit_has_none_to_give() -> None:
    with pytest.raises(PolicyError, match="no limit for 'small-groups'"):
        Policy().limit("small-groups")
    with pytest.raises(PolicyError, match="Did you mean 'disparate_impact'"):
        Policy().limit("disparate-impct")


# -- files


def test_a_file_is_read_whatever_its_line_ends_and_mark(tmp_path: Path) -> None:
    path = tmp_path / "política.toml"
    path.write_bytes('\ufeff[system]\r\nname = "prêts"\r\n'.encode())
    assert Policy.load(path).system.name == "prêts"
    assert Policy.load(str(path)) == Policy.load(path)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'[system]\nname = "pr\xeat"\n', ":2: the byte 0xEA is not UTF-8: save the file as UTF-8."),
        ('[system]\nname = "x"'.encode("utf-16"), ":1: the file is in UTF-16, expected UTF-8: save it as UTF-8."),
        (b"\0\1\2", ":1: not valid TOML: "),
        (b"# " + b"x" * 1_100_000, "has more than 1,000,000 bytes, expected a short policy file in TOML."),
        (b"[statistics]\nconfidence = 2\n", ":2: statistics.confidence is 2, expected"),
    ],
)
def test_a_file_that_is_no_policy_gets_one_sentence(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(raw)
    with pytest.raises(PolicyError) as caught:
        Policy.load(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_path_that_cannot_be_read_gets_one_sentence(tmp_path: Path) -> None:
    for path, message in [
        (tmp_path / "no.toml", "there is no policy file"),
        (tmp_path, "is a directory, expected a policy file"),
        ("a\0b", "cannot be read"),
        (Path("/dev/zero"), "has more than 1,000,000 bytes"),
        (Path("/proc/self/mem"), "cannot be read: Input/output error"),  # as a broken disk would say
    ]:
        with pytest.raises(PolicyError, match=message):
            Policy.load(path)


def test_a_policy_needs_no_heavy_library() -> None:
    code = "import sys, aequo.core.policy; sys.exit(bool({'numpy', 'duckdb', 'narwhals', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
