"""`qcbench.policies.sums` compiled."""

from typing import Any

from qcbench.kernels.compiling import kernel
from qcbench.policies import sums

numpy_sum: Any = kernel(sums.numpy_sum)
