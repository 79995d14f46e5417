"""What was not judged is said: a missing answer never reads as a pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from aequo import Policy, Status, assess

LARGE = 20_000


def _of(result: Any, check: str) -> Any:
    return next(f for f in result.findings if f.check == check)


def test_a_check_that_the_policy_adds_and_the_columns_do_not_allow_is_unknown() -> None:
    data = {"g": ["a", "b"] * LARGE, "y": [1, 1, 0, 0] * (LARGE // 2)}
    policy = Policy().replace(required=("demographic-parity", "calibration", "reference-population"))
    result = assess(data, label="y", group="g", policy=policy)
    assert result.verdict is Status.UNKNOWN
    for check in ("calibration", "reference-population"):
        assert _of(result, check).required and _of(result, check).status is Status.UNKNOWN
    assert (
        assess(data, label="y", group="g").verdict is Status.PASS
    )  # of the defaults, those that do not fit are not asked


def test_a_group_without_any_prediction_keeps_its_checks_from_passing() -> None:
    y = np.tile([0, 1], LARGE)
    group = np.repeat(["a", "b", "c", "d"], LARGE // 2)
    made = np.where(group == "d", None, y.astype(object))
    found = _of(assess({"g": group, "y": y, "p": made}, label="y", prediction="p", group="g"), "demographic-parity")
    assert found.status is Status.UNKNOWN and "d" in found.why and "cannot pass" in found.why


def test_a_stratum_with_too_few_rows_keeps_conditional_parity_from_passing() -> None:
    data = {
        "c": ["x"] * 2 * LARGE + ["z"] * 38,
        "g": ["a", "b"] * LARGE + ["a", "b"] * 19,
        "y": [1, 1, 0, 0] * (LARGE // 2) + [1, 0] * 19,
    }
    found = _of(assess(data, label="y", group="g", control="c"), "conditional-parity")
    assert found.status is Status.UNKNOWN


def test_rows_without_a_control_value_are_counted_in_the_notes() -> None:
    data = {"c": ["x"] * 80 + [None] * 20, "g": ["a", "b"] * 50, "y": [1, 1, 0, 0] * 25}
    assert (
        "20 rows have no c: conditional parity leaves them out."
        in assess(data, label="y", group="g", control="c").notes
    )


def test_a_column_whose_name_looks_crossed_is_required_all_the_same() -> None:
    data = {"race × sex": ["a", "b"] * 50, "y": [1, 0] * 50}
    assert assess(data, label="y", group="race × sex").verdict is Status.FAIL


def test_a_group_that_is_called_missing_is_not_the_rows_without_a_group() -> None:
    data = {"g": ["(missing)"] * 100 + ["a"] * 100 + [None] * 100, "y": [1] * 80 + [0] * 20 + [1, 0] * 50 + [0] * 100}
    rows = {r.group: r for r in assess(data, label="y", group="g").groups}
    assert rows["'(missing)'"].judged and not rows["(missing)"].judged
    assert rows["'(missing)'"].measures["share"].value == 0.5


def test_a_group_that_is_withheld_has_no_share_in_a_sentence() -> None:
    data = {"g": ["m"] * 990 + ["f"] * 3, "y": [0, 1, 1] * 331}
    policy = Policy().replace(**{"groups.population": {"g": {"m": 0.5, "f": 0.5}}})
    why = _of(assess(data, label="y", group="g", policy=policy), "reference-population").why
    assert "0.3%" not in why and "0.003" not in why
