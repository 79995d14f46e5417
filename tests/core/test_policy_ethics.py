"""The policy's utilities and duties: what is written is read back, and what cannot be meant is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aequo.core.policy import Policy
from aequo.errors import PolicyError

WORD = st.text(min_size=1, max_size=9).filter(lambda t: t.strip() == t)
NUMBER = st.floats(-1e6, 1e6)
UTILITIES = st.dictionaries(WORD, NUMBER, min_size=1, max_size=4)


@st.composite
def stakeholders_of(draw: st.DrawFn) -> dict[str, object]:
    utilities = draw(UTILITIES)
    return {
        "utilities": utilities,
        "by_group": {draw(WORD): dict(list(utilities.items())[:1])},
        "weight": draw(st.floats(0.1, 10)),
        "one_party": draw(st.booleans()),
    }


RULE = st.one_of(
    st.fixed_dictionaries({"column": WORD, "says": st.lists(WORD, max_size=2), "duty": st.just("consent")}),
    st.fixed_dictionaries({"column": WORD, "when": st.dictionaries(WORD, st.lists(WORD, min_size=1, max_size=2))}),
    st.just({"use": "rules:adult"}),
)


@given(
    st.dictionaries(WORD, stakeholders_of(), max_size=3), st.dictionaries(WORD, RULE, max_size=3),
    st.lists(WORD, max_size=3, unique=True),
)  # fmt: skip
def test_utilities_and_duties_are_read_back_from_the_file_as_they_were(
    stakeholders: dict[str, dict[str, object]], rules: dict[str, dict[str, object]], protected: list[str]
) -> None:
    policy = Policy(
        ethics={"stakeholders": [{"name": n, **s} for n, s in stakeholders.items()], "max_gap": 0.25},
        duties={"rules": [{"name": n, **r} for n, r in rules.items()], "protected": protected, "on_error": "review"},
    )
    assert Policy.parse(policy.to_toml()) == policy
    assert Policy.from_dict(policy.to_dict()).digest() == policy.digest()


S = '[[ethics.stakeholders]]\nname = "people"\n'
U = S + "utilities = { tp = 1, fn = 0, fp = 0, tn = 0 }\n"
D = '[[duties.rules]]\nname = "mine"\n'
REFUSED = {
    S: "2: the stakeholder 'people' has no utilities, expected one for each outcome, such as "
    "{ tp = 1, fp = -0.5, fn = -1, tn = 0 }.",
    "[[ethics.stakeholders]]\nutilities = { a = 1 }": "1: a stakeholder has no name, expected one such as 'applicant'.",
    S + "utility = 1": "3: [[ethics.stakeholders]] has no key 'utility'. Did you mean 'utilities'?",
    S + "utilities = 1": "3: ethics.stakeholders[1].utilities is 1, expected a utility for each outcome, such as "
    "{ tp = 1, fp = -0.5, fn = -1, tn = 0 }.",
    S + 'utilities = { tp = "x" }': "3: ethics.stakeholders[1].utilities.tp is 'x', expected a number.",
    U + "by_group = { b = { tq = 1 } }": "4: by_group of 'people' names the outcome 'tq', which is not in its "
    "utilities. There are: tp, fn, fp, tn.",
    U + "one_party = 1": "4: one_party is 1, expected true or false.",
    U + "weight = -1": "4: ethics.stakeholders[1].weight is -1, expected a number of 0 or more.",
    U + "weight = 0": "1: every stakeholder has the weight 0, expected one above.",
    U + U: "4: two stakeholders are named 'people', expected a name for each.",
    "[ethics]\ngini = 0.5": "2: ethics.gini is 0.5, expected a number of 1 or more.",
    "[ethics]\nmaxgap = 1": "2: [ethics] has no key 'maxgap'. Did you mean 'max_gap'?",
    D: "2: the duty 'mine' has neither a column nor a function, expected column or use.",
    D + 'column = "c"\nuse = "a:b"': "2: the duty 'mine' has both a column and a function, expected column or use.",
    D + 'use = "a:b"\nsays = 1': "4: the duty 'mine' has says, which goes with column.",
    D + 'use = "a"': "3: use of the duty 'mine' is 'a', expected module:function.",
    D + 'column = "c"\nduty = "consnt"': "4: duties.rules[1].duty is 'consnt', expected 'consent', 'explanation', "
    "'person', 'disclosure' or 'rule'. Did you mean 'consent'?",
    "[duties]\nmax_proxy = 0.2": "2: duties.max_proxy is 0.2, expected a number from 0.5 to 1.",
    '[duties]\non_error = "allow"': "2: duties.on_error is 'allow', expected 'block' or 'review'.",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(text, source="p.toml")
    assert str(caught.value) == f"p.toml:{REFUSED[text]}"


def test_a_duty_is_named_after_what_it_is_about() -> None:
    policy = Policy(duties={"rules": [{"duty": "consent", "column": "consent", "says": True}]})
    assert (policy.duties.rules[0].name, policy.duties.rules[0].says) == ("consent", ("True",))
    assert policy.duties.asked and not Policy().duties.asked
