"""The two networks of adversarial debiasing, and the direction in which the predictor learns."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aequo.errors import InputError

__all__ = ["Adversary", "direction", "layers", "make_predictor", "score"]


def layers(
    inputs: int, hidden: Sequence[int], outputs: int, activation: Callable[[], nn.Module] = nn.ReLU
) -> nn.Module:
    """Return a network of fully connected layers.

    Examples
    --------
    >>> layers(4, (8,), 1)
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=1, bias=True)
    )
    """
    widths = [inputs, *hidden]
    parts = [m for a, b in itertools.pairwise(widths) for m in (nn.Linear(a, b), activation())]
    return nn.Sequential(*parts, nn.Linear(widths[-1], outputs))


def make_predictor(predictor: Any, inputs: int) -> nn.Module:
    """Return a new predictor: hidden layers of these sizes, or what the caller's function makes.

    Raises
    ------
    InputError
        If the function returns something else than a torch module with parameters to train.
    """
    if not callable(predictor):
        return layers(inputs, predictor, 1)
    made = predictor(inputs)
    if not isinstance(made, nn.Module):
        raise InputError(f"predictor(n_features) returned {type(made).__name__}, expected a torch.nn.Module.")
    if not any(p.requires_grad for p in made.parameters()):
        raise InputError("predictor(n_features) returned a module without parameters to train.")
    return made


def score(predictor: nn.Module, x: Tensor) -> Tensor:
    """Return one logit for each row.

    Raises
    ------
    InputError
        If the module gives more or fewer numbers than one for each row.
    """
    out = predictor(x)
    if not isinstance(out, Tensor) or out.numel() != len(x):
        seen = f"an output of shape {tuple(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
        raise InputError(f"the predictor gave {seen} for {len(x)} rows, expected one logit for each row.")
    return out.reshape(-1)


class Adversary(nn.Module):
    """Guesses the group from the score, and for equalized odds from the score and the label.

    Zhang, Lemoine and Mitchell (2018), section 5: with ``s = sigmoid((1 + |c|) logit)`` and a learned ``c``, the
    adversary sees ``s``, or ``s, s y, s (1 - y)``. Ours: the label itself is an input too, so that what it says of the
    group is not laid to the score; there may be a hidden layer; and the logit is divided by its root mean square over
    the batch first. Otherwise a predictor hides what it knows by shrinking all scores towards a half, where decisions
    still differ.
    """

    def __init__(self, *, sees_label: bool, hidden: Sequence[int], groups: int, numbers: int) -> None:
        super().__init__()
        self.sees_label = sees_label
        self.groups = groups
        self.sharpness = nn.Parameter(torch.ones(()))
        self.network = layers(4 if sees_label else 1, hidden, groups + numbers, nn.Tanh)

    def forward(self, logit: Tensor, label: Tensor) -> Tensor:
        """Return the guesses: logits of the groups, then means of the numbers."""
        logit = logit / (logit.square().mean() + 1e-8).sqrt()
        s = torch.sigmoid((1 + self.sharpness.abs()) * logit)
        seen = [s, s * label, s * (1 - label), label] if self.sees_label else [s]
        guess: Tensor = self.network(torch.stack(seen, dim=1) - 0.5)
        return guess

    def loss(
        self, logit: Tensor, label: Tensor, codes: Tensor, values: Tensor, of_group: Tensor, of_number: Tensor
    ) -> Tensor:
        """Return the mean loss in nats: cross-entropy of the group, and half the squared error of each number.

        The latter is the Gaussian log loss with unit variance, less a constant. A row counts by its weight `of_group`,
        which is 0 without a group, and `of_number`; without a number it adds nothing.
        """
        guess = self(logit, label)
        total = logit.new_zeros(())
        if self.groups:
            each = functional.cross_entropy(guess[:, : self.groups], codes.clamp(min=0), reduction="none")
            total = total + (each * of_group).mean()
        if values.shape[1]:
            known = ~values.isnan()
            error = torch.where(known, guess[:, self.groups :] - values.nan_to_num(), 0.0)
            total = total + (0.5 * error.square().sum(dim=1) * of_number).mean()
        return total


def direction(predictor: Tensor, adversary: Tensor, alpha: float, *, project: bool = True) -> Tensor:
    """Return what the predictor's optimiser takes for its gradient.

    ``g - proj_h g - alpha h``, with the gradients ``g`` of the predictor's loss and ``h`` of the adversary's loss, both
    by the predictor's parameters: Zhang, Lemoine and Mitchell (2018), equation 1. Without the projection, a step that
    helps the predictor can help the adversary at the same time.

    Parameters
    ----------
    predictor, adversary : Tensor, shape (parameters,)
        The gradients ``g`` and ``h``, flat, over all parameters at once.
    alpha : float
        Weight of the adversary, 0 or more.
    project : bool
        Whether the middle term is there.

    Examples
    --------
    >>> direction(torch.tensor([3.0, 4.0]), torch.tensor([2.0, 0.0]), 0.5)
    tensor([-1.,  4.])
    """
    out = predictor - alpha * adversary
    length = adversary @ adversary
    return out - (predictor @ adversary) / length * adversary if project and float(length) > 0 else out
