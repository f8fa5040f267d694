"""How many jobs are on the platform, see `qcbench.cloud.levels`.

The records of clouds that are counted have the fields `now_s`, `present`, `present_since_s` and
`present_area_s`.
"""

from typing import Any

from qcbench.cloud import levels
from qcbench.kernels.compiling import inlined

_integral_s: Any = inlined(levels.integral_s)


@inlined
def present_area_s(cloud: Any) -> float:
    """Return the integral over time of the admitted jobs that are not done, up to now [job s]."""
    return _integral_s(cloud.present_area_s, cloud.present, cloud.present_since_s, cloud.now_s)


@inlined
def change_present(cloud: Any, by: int) -> None:
    """Let a job come or go."""
    cloud.present_area_s = present_area_s(cloud)
    cloud.present += by
    cloud.present_since_s = cloud.now_s


def present_until_end_s(cloud: Any) -> float:
    """Return the same of a cloud that is over, to code that is not compiled."""
    fields = ("present_area_s", "present", "present_since_s", "now_s")
    return float(levels.integral_s(*(cloud[name].item() for name in fields)))
