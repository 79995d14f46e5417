"""The checks there are, and what each is held against where a policy says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CHECKS", "LIMITS", "REQUIRED", "UNBOUNDED", "Limit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """Default and range of one check's limit.

    Attributes
    ----------
    default : float
        The limit where a policy says nothing.
    low, high : float
        What a limit can be.
    meaning : str
        What is held against it, in a few words.
    """

    default: float
    low: float
    high: float
    meaning: str


UNBOUNDED = 1e9
"""High end of limits on quantities that have none in theory."""

LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "demographic_parity": Limit(0.1, 0, 1, "largest difference of selection rates"),
        "equal_opportunity": Limit(0.1, 0, 1, "largest difference of true positive rates"),
        "equalized_odds": Limit(0.1, 0, 1, "largest difference of true or false positive rates"),
        "disparate_impact": Limit(0.8, 0, 1, "smallest ratio of selection rates (four-fifths rule); more is better"),
        "false_positive_rate_parity": Limit(0.1, 0, 1, "largest difference of false positive rates"),
        "false_negative_rate_parity": Limit(0.1, 0, 1, "largest difference of false negative rates"),
        "predictive_parity": Limit(0.1, 0, 1, "largest difference of precision"),
        "accuracy_parity": Limit(0.1, 0, 1, "largest difference of accuracy"),
        "balanced_accuracy_parity": Limit(0.1, 0, 1, "largest difference of balanced accuracy"),
        "calibration": Limit(0.1, 0, 1, "largest calibration error of any group"),
        "auc_parity": Limit(0.1, 0, 1, "largest difference of the area under the ROC curve"),
        "treatment_equality": Limit(0.8, 0, 1, "smallest ratio of missed to false favourable; more is better"),
        "conditional_parity": Limit(0.1, 0, 1, "largest difference of selection rates with equal controls"),
        "generalised_entropy": Limit(0.1, 0, UNBOUNDED, "inequality of benefits"),
        "mean_outcome_parity": Limit(0.1, 0, UNBOUNDED, "largest difference of mean outcomes, in standard deviations"),
        "error_parity": Limit(0.1, 0, UNBOUNDED, "largest difference of mean absolute errors, in standard deviations"),
        "residual_parity": Limit(0.1, 0, UNBOUNDED, "largest difference of mean residuals, in standard deviations"),
        "representation": Limit(0.05, 0, 1, "smallest share of rows of any group; more is better"),
        "label_divergence": Limit(0.1, 0, 2, "squared difference of a group's label shares from those of all rows"),
        "missing_rate_variance": Limit(0.01, 0, 0.25, "variance of the rate of missing values over groups"),
        "reference_population": Limit(0.1, 0, 1, "total variation from the population's shares"),
        "proxies": Limit(0.8, 0.5, 1, "area under the ROC curve of the best guess of a group from other columns"),
        "duplicates": Limit(0.01, 0, 1, "share of rows in equal sets that straddle groups"),
        "label_noise": Limit(0.01, 0, 1, "share of rows in equal sets with different labels"),
    }
)
"""Every check that has a limit, by the key that sets it in ``[limits]``."""

CHECKS: tuple[str, ...] = (*(name.replace("_", "-") for name in LIMITS), "small-groups")
"""Ids of all checks, as in findings."""

REQUIRED: tuple[str, ...] = (
    "demographic-parity",
    "disparate-impact",
    "equal-opportunity",
    "equalized-odds",
    "mean-outcome-parity",
    "error-parity",
    "small-groups",
    "representation",
    "label-divergence",
    "missing-rate-variance",
)
"""Checks that the verdict depends on where a policy says nothing."""
