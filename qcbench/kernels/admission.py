"""Who is let in, compiled: the functions of `qcbench.cloud.admission`, and buckets as records."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud import admission
from qcbench.cloud.admission import TOKEN
from qcbench.cloud.rules import Admission
from qcbench.kernels.compiling import inlined
from qcbench.kernels.rules import Limits
from qcbench.workload.workload import Workload

ALL, PENDING = admission.ALL, admission.PENDING

BUCKET = np.dtype([("tokens", "f8"), ("counted_s", "f8")], align=True)
"""Of a user: tokens, and when they were counted."""

_within: Any = inlined(admission.within)
_filled: Any = inlined(admission.filled)


@inlined
def within(limits: Limits, active: int, pending: int, running: int) -> bool:
    """Whether the limits let a job in; arguments as of `qcbench.cloud.admission.within`."""
    return _within(
        limits.admission,
        active,
        pending,
        running,
        limits.classical_limit,
        limits.quantum_limit,
    )


@inlined
def take_token(limits: Limits, bucket: Any, tokens_per_s: float, now_s: float) -> bool:
    """Take a token from a bucket; False where it holds less than one."""
    tokens = _filled(bucket.tokens, bucket.counted_s, now_s, tokens_per_s, limits.burst)
    enough = tokens >= TOKEN
    bucket.tokens = tokens - 1.0 if enough else tokens
    bucket.counted_s = now_s
    return enough


def number_users(workload: Workload) -> tuple[IntArray, dict[str, int]]:
    """Number the users of a workload in order of their first job; return each job's, and theirs."""
    if workload.user is None:
        return np.zeros(len(workload), dtype=np.int64), {"": 0} if len(workload) else {}
    number: dict[str, int] = {}
    of_job = [number.setdefault(user, len(number)) for user in workload.user]
    return np.array(of_job, dtype=np.int64), number


def bucket_rates(rules: Admission, workloads: Sequence[Workload]) -> FloatArray:
    """Return at which rates the users' buckets fill, shape (worlds, most users).

    Where the rules have no quotas there are no buckets, and the second axis is empty.
    """
    if rules.per_user is None:
        return np.zeros((len(workloads), 0))
    own = rules.per_user.tokens_per_s
    rates = [
        [workload.quota_per_s.get(user, own) for user in number_users(workload)[1]]
        for workload in workloads
    ]
    table = np.zeros((len(rates), max(1, *map(len, rates), 1)))
    for row, known in zip(table, rates, strict=True):
        row[: len(known)] = known
    return table
