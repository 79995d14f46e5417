"""Fairness metrics and data-bias checks on group counts."""

from __future__ import annotations

from aequo.fairness import mitigate as mitigate  # reached as aequo.fairness.mitigate; lazy itself
from aequo.fairness.checks import CHECKS
from aequo.fairness.data_bias import (
    DataBiasDetector,
    DataCheck,
    duplicates,
    label_divergence,
    label_noise,
    missing_data,
    proxies,
    reference_population,
    representation,
)
from aequo.fairness.measures import Measured, Outcomes
from aequo.fairness.metric import GroupValue, Metric
from aequo.fairness.metrics import (
    accuracy_parity,
    auc_parity,
    balanced_accuracy_parity,
    calibration,
    demographic_parity,
    disparate_impact,
    equal_opportunity,
    equalized_odds,
    false_negative_rate_parity,
    false_positive_rate_parity,
    generalised_entropy,
    predictive_parity,
    theil_index,
    treatment_equality,
)
from aequo.fairness.regression import error_parity, mean_outcome_parity, residual_parity
from aequo.fairness.strata import by_class, conditional_parity

__all__ = [
    "CHECKS",
    "DataBiasDetector",
    "DataCheck",
    "GroupValue",
    "Measured",
    "Metric",
    "Outcomes",
    "accuracy_parity",
    "auc_parity",
    "balanced_accuracy_parity",
    "by_class",
    "calibration",
    "conditional_parity",
    "demographic_parity",
    "disparate_impact",
    "duplicates",
    "equal_opportunity",
    "equalized_odds",
    "error_parity",
    "false_negative_rate_parity",
    "false_positive_rate_parity",
    "generalised_entropy",
    "label_divergence",
    "label_noise",
    "mean_outcome_parity",
    "missing_data",
    "predictive_parity",
    "proxies",
    "reference_population",
    "representation",
    "residual_parity",
    "theil_index",
    "treatment_equality",
]
