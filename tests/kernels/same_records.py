"""Two records of one trial, compared to the last bit."""

import dataclasses

import numpy as np

from qcbench.cloud.records import Records

SHARED = ("fleet", "workload", "plan")


def assert_same(one: Records, other: Records) -> None:
    """Fail where any column, sum or count differs."""
    half_s = float(np.median(one.arrival_s)) if len(one) else 1.0
    for warm_up_s in (0.0, half_s):
        assert repr(one.summary(warm_up_s)) == repr(other.summary(warm_up_s))
    for field in dataclasses.fields(Records):
        if field.name in SHARED:
            continue
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "estimates":
            for figure in dataclasses.fields(a):
                np.testing.assert_array_equal(getattr(a, figure.name), getattr(b, figure.name))
        elif field.name == "levels":
            assert (a is None) == (b is None), "levels"
            if a is not None:
                np.testing.assert_array_equal(dataclasses.astuple(a), dataclasses.astuple(b))
        elif field.name == "parts":
            assert [tuple(parts) for parts in a] == [tuple(parts) for parts in b]
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            np.testing.assert_array_equal(a, b, err_msg=field.name)
        else:
            assert a == b, field.name
