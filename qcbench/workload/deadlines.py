"""The laws of due times and values of drawn jobs, as the YAML key `workload.deadlines` gives them.

A due time is counted from the arrival: a multiple of the job's best execution, a fixed time, or one
for each user, as plans and service levels promise it. Source of the laws and of the measures that
go with them: Baker and Trietsch, Principles of Sequencing and Scheduling (2009), chapters 2 and 4.
"""

from collections.abc import Collection
from dataclasses import field, replace
from typing import Annotated, Literal

import numpy as np
from annotated_types import MinLen
from numpy.random import Generator

from qcbench.arrays import FloatArray
from qcbench.configs import NotNegative, Positive, config
from qcbench.errors import InputError, nearest
from qcbench.files import quoted
from qcbench.workload.workload import Workload

WHERE = "workload.deadlines"
NO_USERS = f"{WHERE}: law user needs jobs with users; this workload has none"
Worth = Literal["one", "priority", "best"]
"""What a job is worth: 1; its priority; its best execution in seconds."""


@config
class SlackDeadlines:
    """Due after a multiple of the job's best execution, drawn uniformly.

    Attributes:
        least: of the multiples; below 1 no cloud can be in time.
        most: of the multiples.
        value: what a job is worth.
        fades_s: a job that is late is worth less by as much of its value as it is late by this
            time; 0 for nothing any more.
    """

    law: Literal["slack"] = "slack"
    least: Positive = 2.0
    most: Positive = 20.0
    value: Worth = "one"
    fades_s: NotNegative = 0.0

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise InputError(
                f"{WHERE}.least: {self.least:g}; must be at most {WHERE}.most, {self.most:g}"
            )


@config
class FixedDeadlines:
    """Due after a fixed time.

    Attributes:
        after_s: from the arrival.
        value, fades_s: as of `SlackDeadlines`.
    """

    law: Literal["fixed"] = "fixed"
    after_s: Positive = 3600.0
    value: Worth = "one"
    fades_s: NotNegative = 0.0


@config
class UserDeadlines:
    """Due after a time that depends on the user: a plan or service level.

    Attributes:
        after_s: from the arrival, by user; each of them one who may have jobs in the workload.
        others_s: of all other users, and of jobs without one; None where they have no due time.
        value, fades_s: as of `SlackDeadlines`.
    """

    law: Literal["user"] = "user"
    after_s: Annotated[dict[str, Positive], MinLen(1)] = field(
        default_factory=lambda: {"user-1": 600.0}
    )
    others_s: Positive | None = None
    value: Worth = "one"
    fades_s: NotNegative = 0.0


Deadlines = SlackDeadlines | FixedDeadlines | UserDeadlines


def with_deadlines(
    workload: Workload, law: Deadlines, best_s: FloatArray, rng: Generator
) -> Workload:
    """Return the same jobs with due times and values.

    Args:
        law: how they come about.
        best_s: time of each job alone on the best QPUs, shape (jobs,).
        rng: the stream of due times.

    Raises:
        InputError: the jobs have due times already, or no users.
    """
    if workload.due_s is not None:
        raise InputError(
            f"{WHERE}: the jobs have due times already, those of their file; leave the law null"
        )
    match law:
        case SlackDeadlines():
            after_s = best_s * rng.uniform(law.least, law.most, len(workload))
        case FixedDeadlines():
            after_s = np.full(len(workload), law.after_s)
        case UserDeadlines():
            after_s = _by_user(workload, law)
    value: FloatArray = np.ones(len(workload))
    if law.value == "best":
        value = best_s
    elif law.value == "priority" and workload.priority is not None:
        value = workload.priority.astype(np.float64)
    return replace(
        workload, due_s=workload.arrival_s + after_s, value=value, value_fades_s=law.fades_s
    )


def check_users(law: UserDeadlines, users: Collection[str]) -> None:
    """Check the users of a law, where those that may have jobs are known; one may have none.

    Raises:
        InputError: there are no users at all, or not one of this name.
    """
    if not users:
        raise InputError(NO_USERS)
    for user in law.after_s:
        if user not in users:
            raise InputError(
                f"{WHERE}.after_s: user {quoted(user)[1:-1]} has no jobs in this workload"
                f"{nearest(user[:100], users)}"
            )


def _by_user(workload: Workload, law: UserDeadlines) -> FloatArray:
    if workload.user is None:
        raise InputError(NO_USERS)
    others_s = np.inf if law.others_s is None else law.others_s
    return np.array([law.after_s.get(user, others_s) for user in workload.user], dtype=np.float64)
