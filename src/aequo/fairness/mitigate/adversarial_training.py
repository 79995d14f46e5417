"""Training a predictor against an adversary: the loop of Zhang, Lemoine and Mitchell (2018), kept stable."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from aequo.core.counts import Floats, Ints
from aequo.errors import InputError
from aequo.fairness.mitigate.adversarial_networks import Adversary, direction, make_predictor, score
from aequo.fairness.mitigate.adversarial_outcome import Constraint, Epoch, choose, gap_between
from aequo.fairness.mitigate.protected import Protected

__all__ = ["Game", "Plan", "Problem", "Rows", "Trained", "heard_equally", "train"]

_WARM_UP = (3, 100)
"""Least epochs and least steps in which both networks learn and the predictor does not listen to the adversary."""

_AVERAGED_OVER = 1.0
"""The weights that are judged and kept are an exponential mean of the weights over so many epochs."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The rows, as numbers.

    Attributes
    ----------
    x : float array, shape (rows, features)
        Standardised features.
    truth : float array, shape (rows,)
        1 for the second class, else 0.
    protected : Protected
        Group or number of each row.
    weight : float array, shape (rows,)
        Weight of each row, mean 1.
    train, held_out : int array
        Positions of the two parts.
    """

    x: Floats
    truth: Floats
    protected: Protected
    weight: Floats
    train: Ints
    held_out: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train; see `AdversarialDebiasing` for each."""

    constraint: Constraint
    predictor: Any
    adversary_hidden: tuple[int, ...]
    adversary_steps: int
    alpha: float
    projection: bool
    tolerance: float
    epochs: int
    batch_size: int
    lr: float
    l2: float
    patience: int
    min_group: int
    seed: int
    device: str
    callback: Callable[[Epoch], Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The predictor that was kept, the adversary at the end, and how it went."""

    predictor: nn.Module
    adversary: Adversary
    history: tuple[Epoch, ...]
    kept: Epoch


def train(problem: Problem, plan: Plan) -> Trained:
    """Train until the best epoch is `patience` epochs ago, and return the weights of that epoch.

    Raises
    ------
    InputError
        If the predictor cannot be used, or nothing finite was learnt in the first epoch.
    """
    device = torch.device(plan.device)
    own = callable(plan.predictor)
    with _one_thread(when=not own), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(plan.seed)
        predictor = make_predictor(plan.predictor, problem.x.shape[1]).to(device)
        adversary = Adversary(
            sees_label=plan.constraint == "equalized_odds",
            hidden=plan.adversary_hidden,
            groups=len(problem.protected.names),
            numbers=len(problem.protected.columns),
        ).to(device)
        game = Game(predictor, adversary, plan, len(problem.train))
        return _run(game, Rows.of(problem, problem.train, plan), problem, plan)


@contextlib.contextmanager
def _one_thread(*, when: bool) -> Iterator[None]:
    """Let torch use one thread: for layers this small, handing work to a second costs more than the work."""
    before = torch.get_num_threads()
    if when:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run(game: Game, rows: Rows, problem: Problem, plan: Plan) -> Trained:
    held_out = Rows.of(problem, problem.held_out, plan)
    history: list[Epoch] = []
    best = copy.deepcopy(game.averaged)
    for number in range(1, plan.epochs + 1):
        game.begin(number)
        losses = [game.step(batch) for batch in rows.batches(plan.batch_size)]
        game.end()
        seen = np.mean(losses, axis=0)
        history.append(_judged(game, rows, held_out, problem, plan, seen))
        kept = choose(history, plan.tolerance)
        if kept.number == number:
            best = copy.deepcopy(game.averaged)
        if plan.callback is not None:
            plan.callback(history[-1])
        if not np.isfinite(seen).all() or number - max(kept.number, game.warm_up) >= plan.patience:
            break
    kept = choose(history, plan.tolerance)
    if not math.isfinite(kept.loss):
        raise InputError(f"the losses are not finite in the first epoch, at lr={plan.lr:g}; expected a smaller lr.")
    return Trained(best.cpu().eval(), game.adversary.cpu().eval(), tuple(history), kept)


# -- the rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows as tensors, or a batch of them."""

    x: Tensor
    label: Tensor
    codes: Tensor
    values: Tensor
    weight: Tensor
    of_group: Tensor
    of_number: Tensor

    @classmethod
    def of(cls, problem: Problem, part: Ints, plan: Plan) -> Rows:
        """Return some rows of the problem."""

        def numbers(array: Floats) -> Tensor:
            return torch.as_tensor(array, dtype=torch.float32, device=plan.device)

        protected, truth, weight = problem.protected.rows(part), problem.truth[part], problem.weight[part]
        of_group, of_number = heard_equally(truth, protected, weight, plan.constraint)
        return cls(
            x=numbers(problem.x[part]),
            label=numbers(truth),
            codes=torch.as_tensor(protected.codes, device=plan.device),
            values=numbers(protected.values),
            weight=numbers(weight),
            of_group=numbers(of_group),
            of_number=numbers(of_number),
        )

    def batches(self, size: int) -> Iterator[Rows]:
        """Yield all rows in a new order; the last batch is left out if it is a single row and not the only one."""
        order = torch.randperm(len(self.x)).to(self.x.device)
        for part in torch.split(order, size):
            if len(part) > 1 or len(order) == 1:
                yield Rows(*(getattr(self, field.name)[part] for field in dataclasses.fields(self)))


def heard_equally(truth: Floats, protected: Protected, weight: Floats, constraint: Constraint) -> tuple[Floats, Floats]:
    """Return the weights of rows in the adversary's losses of group and number: each group counts the same.

    A gap compares groups of any size alike, so the adversary has to; with weights of 1 it would hardly care for a group
    of few. For equalized odds each label counts the same too, and the groups within it. A group counts at most ten
    times what its size says, lest a handful of people be all that is heard.

    Parameters
    ----------
    truth, weight : float array, shape (rows,)
        Label, 0 or 1, and weight.
    protected : Protected
        Group or number of each row.
    constraint : {"demographic_parity", "equalized_odds"}
        Whether labels are told apart.

    Returns
    -------
    of_group, of_number : float array, shape (rows,)
        `of_group` is 0 without a group.

    Examples
    --------
    >>> four = Protected(("a", "b"), np.array([0, 0, 0, 1]), (), np.zeros((4, 0)))
    >>> heard_equally(np.ones(4), four, np.ones(4), "demographic_parity")[0].round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    of_group, of_number = np.zeros(len(truth)), np.zeros(len(truth))
    parts = [np.ones(len(truth), dtype=bool)] if constraint == "demographic_parity" else [truth == 0, truth == 1]
    parts = [part for part in parts if weight[part].sum() > 0]
    for part in parts:
        of_number[part] = weight[part] * (weight.sum() / (len(parts) * weight[part].sum()))
        there = part & (protected.codes >= 0)
        if not weight[there].sum() > 0:
            continue
        total = np.bincount(protected.codes[there], weight[there], minlength=len(protected.names)).astype(np.float64)
        share = total / total.sum()
        own = weight[there] / np.maximum(share * (share > 0).sum(), 0.1)[protected.codes[there]]
        of_group[there] = own * (weight.sum() / (len(parts) * own.sum()))
    return of_group, of_number


# -- the game ---------------------------------------------------------------------------------------------------------


class Game:
    """A predictor and an adversary, each with an optimiser that moves nothing of the other.

    Parameters
    ----------
    predictor : torch.nn.Module
        One logit for each row.
    adversary : Adversary
        Guesses the group.
    plan : Plan
        Rates and weights.
    rows : int
        Training rows.
    """

    def __init__(self, predictor: nn.Module, adversary: Adversary, plan: Plan, rows: int) -> None:
        self.predictor, self.adversary, self.plan = predictor, adversary, plan
        self.averaged = copy.deepcopy(predictor)
        self.epoch, self.heard, self.alpha = 0, False, 0.0
        batches = math.ceil(rows / plan.batch_size)
        self.warm_up = min(max(_WARM_UP[0], math.ceil(_WARM_UP[1] / batches)), max(plan.epochs // 2, 1))
        self._shrinkage = plan.l2 / rows
        self._span, self._steps = batches * _AVERAGED_OVER, 0
        self._own = [p for p in predictor.parameters() if p.requires_grad]
        self._averages = [p for p in self.averaged.parameters() if p.requires_grad]
        self._theirs = list(adversary.parameters())
        self._predictor_optimiser = torch.optim.Adam(self._own, lr=plan.lr)
        self._adversary_optimiser = torch.optim.Adam(self._theirs, lr=3 * plan.lr)

    def begin(self, number: int) -> None:
        """Begin an epoch: steps shrink as 1/t and the adversary's weight grows as sqrt(t) (the paper's section 5)."""
        self.predictor.train()
        self.epoch, self.heard = number, number > self.warm_up
        self.alpha = self.plan.alpha * math.sqrt(number - self.warm_up) if self.heard else 0.0
        for group in self._predictor_optimiser.param_groups:
            group["lr"] = self.plan.lr / (1 + 0.1 * (number - 1))

    def step(self, batch: Rows) -> tuple[float, float]:
        """Move the predictor once, then the adversary, and return both losses before that."""
        logit = score(self.predictor, batch.x)
        each = functional.binary_cross_entropy_with_logits(logit, batch.label, reduction="none")
        loss = (each * batch.weight).mean()
        guess = self._guess(logit, batch)
        self.move_predictor(loss, guess)
        for _ in range(self.plan.adversary_steps):
            self.move_adversary(self._guess(logit.detach(), batch))
        return loss.item(), guess.item()

    def move_predictor(self, loss: Tensor, guess: Tensor) -> None:
        """Take one step of the predictor against the adversary as it is; the adversary is not touched."""
        gradient = _gradient(loss, self._own, keep=True)
        if self._shrinkage:
            gradient = gradient + self._shrinkage * torch.cat([p.detach().flatten() for p in self._own])
        if self.heard:
            gradient = direction(gradient, _gradient(guess, self._own), self.alpha, project=self.plan.projection)
        at = 0
        for p in self._own:
            p.grad = gradient[at : at + p.numel()].view_as(p)
            at += p.numel()
        self._predictor_optimiser.step()
        self._average()

    def move_adversary(self, guess: Tensor) -> None:
        """Take one step of the adversary on scores that are held fixed; the predictor is not touched."""
        for p, g in zip(self._theirs, torch.autograd.grad(guess, self._theirs), strict=True):
            p.grad = g
        self._adversary_optimiser.step()

    def end(self) -> None:
        """End an epoch: what a module counts for itself, such as a running mean, is taken as it is."""
        for kept, now in zip(self.averaged.buffers(), self.predictor.buffers(), strict=True):
            kept.copy_(now)
        self.averaged.eval()

    def _average(self) -> None:
        self._steps += 1
        share = 1 / min(self._steps, max(self._span, 1.0))
        with torch.no_grad():
            for kept, now in zip(self._averages, self._own, strict=True):
                kept.lerp_(now, share)

    def _guess(self, logit: Tensor, batch: Rows) -> Tensor:
        return self.adversary.loss(logit, batch.label, batch.codes, batch.values, batch.of_group, batch.of_number)


def _gradient(loss: Tensor, parameters: list[nn.Parameter], *, keep: bool = False) -> Tensor:
    """Return the gradient by all parameters, flat; zero for those that the loss does not use."""
    found = torch.autograd.grad(loss, parameters, retain_graph=keep, allow_unused=True, materialize_grads=True)
    return torch.cat([gradient.flatten() for gradient in found])


def _judged(game: Game, learn: Rows, held_out: Rows, problem: Problem, plan: Plan, losses: Floats) -> Epoch:
    """Measure the averaged weights on the held-out rows, and the gap on the training rows too."""

    def gap(logit: Floats, part: Ints) -> float | None:
        chance = 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
        truth, protected = problem.truth[part], problem.protected.rows(part)
        weight = problem.weight[part]
        return gap_between(chance, truth, protected, plan.constraint, weight=weight, min_group=plan.min_group)

    truth, weight = problem.truth[problem.held_out], problem.weight[problem.held_out]
    with torch.no_grad():
        logit, learnt = (score(game.averaged, rows.x).double().cpu().numpy() for rows in (held_out, learn))
    finite = bool(np.isfinite(logit).all())
    share = weight / weight.sum()
    decided = logit >= 0
    accuracy = float(share @ (decided == (truth == 1)))
    positive = float(share @ truth)
    collapsed = not finite or bool(decided.all() or not decided.any()) or accuracy < max(positive, 1 - positive)
    return Epoch(
        number=game.epoch,
        alpha=game.alpha,
        heard=game.heard,
        predictor_loss=float(losses[0]),
        adversary_loss=float(losses[1]),
        loss=float(share @ (np.logaddexp(0, logit) - truth * logit)) if finite else math.nan,
        accuracy=accuracy,
        gap=gap(logit, problem.held_out) if finite else None,
        training_gap=gap(learnt, problem.train) if finite else None,
        collapsed=collapsed,
    )
