"""What each step of the game does, on networks of a few parameters."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from aequo.errors import InputError
from aequo.fairness.mitigate.adversarial_networks import Adversary, direction, make_predictor, score
from aequo.fairness.mitigate.adversarial_training import Game, Plan, Problem, Rows, heard_equally
from aequo.fairness.mitigate.protected import Protected

VECTORS = st.lists(st.floats(-10, 10, width=32), min_size=2, max_size=6)


def plan(**changes: Any) -> Plan:
    standard: dict[str, Any] = {
        "constraint": "demographic_parity",
        "predictor": (3,),
        "adversary_hidden": (4,),
        "adversary_steps": 3,
        "alpha": 1.0,
        "projection": True,
        "tolerance": 0.02,
        "epochs": 10,
        "batch_size": 64,
        "lr": 0.01,
        "l2": 0.0,
        "patience": 5,
        "min_group": 5,
        "seed": 0,
        "device": "cpu",
        "callback": None,
    }
    return Plan(**standard | changes)


def problem(rows: int = 64) -> Problem:
    rng = np.random.default_rng(3)
    group = rng.integers(0, 2, rows)
    x = rng.normal(size=(rows, 2)) + group[:, None]
    truth = (x.sum(axis=1) + rng.normal(size=rows) > 1).astype(float)
    every = np.arange(rows)
    return Problem(
        x, truth, Protected(("a", "b"), group.astype(np.int64), (), np.zeros((rows, 0))), np.ones(rows), every, every
    )


def game(settings: Plan, *, epoch: int = 50) -> tuple[Game, Rows]:
    torch.manual_seed(1)
    predictor = make_predictor(settings.predictor, 2)
    sees = settings.constraint == "equalized_odds"
    adversary = Adversary(sees_label=sees, hidden=settings.adversary_hidden, groups=2, numbers=0)
    played = Game(predictor, adversary, settings, 64)
    played.begin(epoch)
    return played, Rows.of(problem(), np.arange(64), settings)


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


# -- the direction ----------------------------------------------------------------------------------------------------


@given(VECTORS, st.data())
def test_without_alpha_the_direction_has_no_part_along_the_adversarys_gradient(g: list[float], data: Any) -> None:
    h = data.draw(st.lists(st.floats(-10, 10, width=32), min_size=len(g), max_size=len(g)))
    own, theirs = torch.tensor(g, dtype=torch.float64), torch.tensor(h, dtype=torch.float64)
    got = direction(own, theirs, 0.0)
    assert abs(float(got @ theirs)) <= 1e-9 * (1 + float(own.norm() * theirs.norm()))
    # What is left is what there was, less something along the other gradient.
    assert float((own - got).norm() * theirs.norm()) == pytest.approx(abs(float((own - got) @ theirs)), abs=1e-6)


@given(VECTORS, st.floats(0, 5), st.data())
def test_the_direction_never_helps_the_adversary(g: list[float], alpha: float, data: Any) -> None:
    h = data.draw(st.lists(st.floats(-10, 10, width=32), min_size=len(g), max_size=len(g)))
    own, theirs = torch.tensor(g, dtype=torch.float64), torch.tensor(h, dtype=torch.float64)
    # A step goes against the direction, so the adversary's loss changes by minus this.
    assert float(direction(own, theirs, alpha) @ theirs) <= 1e-9 * (1 + float(own.norm() * theirs.norm()))


def test_on_real_parameters_a_step_of_the_projection_leaves_the_adversarys_loss_to_first_order() -> None:
    played, batch = game(plan(alpha=0.0))
    parameters = list(played.predictor.parameters())

    def losses() -> tuple[torch.Tensor, torch.Tensor]:
        logit = score(played.predictor, batch.x)
        loss = nn.functional.binary_cross_entropy_with_logits(logit, batch.label)
        return loss, played.adversary.loss(
            logit, batch.label, batch.codes, batch.values, batch.of_group, batch.of_number
        )

    own, theirs = losses()
    g, h = (
        torch.cat([p.flatten() for p in torch.autograd.grad(x, parameters, retain_graph=True)]) for x in (own, theirs)
    )
    assert float(g.norm()) > 0.01 and float(h.norm()) > 0.001
    changes = []
    for towards in (direction(g, h, 0.0), h):
        kept = weights(played.predictor)
        step = 1e-3 * towards / towards.norm()
        with torch.no_grad():
            at = 0
            for p in parameters:
                p -= step[at : at + p.numel()].view_as(p)
                at += p.numel()
        changes.append(abs(losses()[1].item() - theirs.item()))
        with torch.no_grad():
            for p, q in zip(parameters, kept, strict=True):
                p.copy_(q)
    assert changes[0] < 0.05 * changes[1]


# -- who moves --------------------------------------------------------------------------------------------------------


def test_a_step_of_the_predictor_leaves_the_adversary_as_it_was_and_the_reverse() -> None:
    played, batch = game(plan())
    logit = score(played.predictor, batch.x)
    loss = nn.functional.binary_cross_entropy_with_logits(logit, batch.label)
    before_own, before_theirs = weights(played.predictor), weights(played.adversary)
    played.move_predictor(loss, played._guess(logit, batch))
    assert same(before_theirs, weights(played.adversary)) and not same(before_own, weights(played.predictor))
    assert all(p.grad is None for p in played.adversary.parameters())

    before_own = weights(played.predictor)
    gradients = [p.grad.clone() for p in played.predictor.parameters() if p.grad is not None]
    played.move_adversary(played._guess(score(played.predictor, batch.x).detach(), batch))
    assert same(before_own, weights(played.predictor)) and not same(before_theirs, weights(played.adversary))
    assert same(gradients, [p.grad for p in played.predictor.parameters() if p.grad is not None])


def test_without_alpha_and_projection_the_predictor_learns_as_one_alone_does() -> None:
    played, batch = game(plan(alpha=0.0, projection=False))
    alone = copy.deepcopy(played.predictor)
    optimiser = torch.optim.Adam(alone.parameters(), lr=played._predictor_optimiser.param_groups[0]["lr"])
    for _ in range(5):
        played.step(batch)
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(alone(batch.x)[:, 0], batch.label).backward()
        optimiser.step()
    for p, q in zip(played.predictor.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


def test_while_warming_up_the_predictor_does_not_listen() -> None:
    ends = []
    for alpha in (0.0, 50.0):
        played, batch = game(plan(alpha=alpha), epoch=1)
        for _ in range(4):
            played.step(batch)
        ends.append(weights(played.predictor))
    assert not played.heard and same(*ends)


def test_steps_shrink_and_the_adversary_weighs_more_from_epoch_to_epoch() -> None:
    played, _ = game(plan(alpha=2.0, epochs=100))
    seen = []
    for epoch in range(1, 101):
        played.begin(epoch)
        seen.append((played.alpha, played._predictor_optimiser.param_groups[0]["lr"]))
    first = next(i for i, (alpha, _) in enumerate(seen) if alpha > 0)
    assert [alpha / 2 for alpha, _ in seen[first:]] == pytest.approx(np.sqrt(np.arange(1, 101 - first)))
    assert 1 / np.array([lr for _, lr in seen]) == pytest.approx(100 * (1 + 0.1 * np.arange(100)))


def test_what_is_kept_is_a_mean_of_the_weights() -> None:
    played, batch = game(plan(batch_size=16))  # four batches an epoch
    path = []
    for _ in range(4):
        played.step(batch)
        path.append(weights(played.predictor))
    for i, kept in enumerate(weights(played.averaged)):
        torch.testing.assert_close(kept, torch.stack([w[i] for w in path]).mean(dim=0))


# -- what the adversary sees ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sees_label", [False, True])
def test_only_the_adversary_of_equalized_odds_sees_the_label(sees_label: bool) -> None:
    torch.manual_seed(0)
    adversary = Adversary(sees_label=sees_label, hidden=(4,), groups=2, numbers=1)
    logit, label = torch.randn(20), (torch.rand(20) > 0.5).float()
    assert torch.equal(adversary(logit, label), adversary(logit, 1 - label)) != sees_label


def test_shrinking_all_scores_hides_nothing_from_the_adversary() -> None:
    torch.manual_seed(0)
    adversary = Adversary(sees_label=False, hidden=(4,), groups=2, numbers=0)
    logit, label = torch.randn(50), torch.zeros(50)
    torch.testing.assert_close(adversary(logit, label), adversary(0.05 * logit, label), rtol=1e-3, atol=1e-4)


def test_rows_without_a_group_or_number_say_nothing_to_the_adversary() -> None:
    torch.manual_seed(0)
    adversary = Adversary(sees_label=False, hidden=(), groups=2, numbers=1)
    # Scores of the same spread, so that what changes is in rows 2 and 3 alone: their sign.
    logit, label = torch.tensor([1.0, -2.0, 0.5, 1.5]), torch.ones(4)
    other = torch.tensor([1.0, -2.0, -0.5, -1.5])
    codes, values = torch.tensor([0, 1, -1, -1]), torch.tensor([[0.3], [-1.0], [torch.nan], [torch.nan]])
    of_group = torch.tensor([1.0, 1.0, 0.0, 0.0])
    losses = [adversary.loss(x, label, codes, values, of_group, torch.ones(4)) for x in (logit, other)]
    assert torch.isfinite(losses[0]) and torch.equal(*losses)


@given(
    st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 1), st.floats(0.1, 5)), min_size=1, max_size=40),
    st.sampled_from(["demographic_parity", "equalized_odds"]),
)
def test_groups_of_any_size_are_heard_alike_up_to_ten_times(
    rows: list[tuple[int, int, float]], constraint: Any
) -> None:
    codes, truth, weight = (np.array(column) for column in zip(*rows, strict=True))
    protected = Protected(("a", "b", "c"), codes, (), np.zeros((len(rows), 0)))
    of_group, of_number = heard_equally(truth.astype(float), protected, weight, constraint)
    assert (of_group[codes < 0] == 0).all() and (of_group[codes >= 0] > 0).all()
    assert of_number.sum() == pytest.approx(weight.sum())
    for label in [None] if constraint == "demographic_parity" else [0, 1]:
        part = np.ones(len(rows), dtype=bool) if label is None else truth == label
        share = {g: weight[part & (codes == g)].sum() for g in range(3) if (part & (codes == g)).any()}
        whole = sum(share.values())
        if share and min(share.values()) * len(share) / whole >= 0.1:
            heard = [of_group[part & (codes == g)].sum() for g in share]
            assert heard == pytest.approx([heard[0]] * len(heard))
        for g in share:
            mine = part & (codes == g)
            assert of_group[mine] / weight[mine] == pytest.approx((of_group[mine] / weight[mine])[0])


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda n: "a string", "expected a torch.nn.Module"),
        (lambda n: nn.Identity(), "without parameters"),
    ],
)
def test_a_function_that_makes_no_network_is_refused(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_predictor(make, 3)


def test_a_network_of_two_outputs_is_refused() -> None:
    with pytest.raises(InputError, match="shape \\(7, 2\\) for 7 rows, expected one logit"):
        score(nn.Linear(3, 2), torch.zeros(7, 3))
