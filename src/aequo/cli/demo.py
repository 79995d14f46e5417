"""``aequo demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from aequo.cli.assess import On, deliver
from aequo.cli.console import say, waiting

__all__ = ["demo"]

_SYSTEM = {
    "system.name": "Mortgage applications, Boston Fed study",
    "system.purpose": "Banks in Boston decide whether to grant a mortgage.",
    "system.people": "The 1,989 applicants, and those who would share their home.",
}


def demo(
    out: Annotated[str, typer.Option(metavar="DIR", help="Where to write the report.")] = "aequo-report",
    json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON instead of a table.")] = False,
    fail_on: Annotated[
        On, typer.Option(metavar="WHEN", help="Exit code is not 0 on: unknown (fail or unknown), fail, or never.")
    ] = "unknown",
) -> int:
    """Assess 1,989 real mortgage applications by race and sex, and write the report.

    \b
    Example:
      aequo demo --out aequo-report

    The data are those of the Boston Fed study of mortgage lending; pip install 'aequo[examples]' brings them.
    """  # noqa: D301 - \b keeps the lines of an example apart
    with waiting("Assessing mortgage applications"):
        from aequo.core.policy import Policy
        from aequo.flows.assess import assess
        from aequo.flows.example import loan_applications

        data = loan_applications()
        say(
            "Are these decisions fair? Mortgage applications of the Boston Fed study, approved or not, by race and sex."
        )
        policy = Policy().replace(**_SYSTEM)
        result = assess(data, label="approve", favourable="1", group=("race", "sex"), policy=policy)
    return deliver(result, out=out, json=json, fail_on=fail_on)
