"""`qcbench.policies.numpy_sums` compiled."""

from typing import Any

from qcbench.kernels.compiling import kernel
from qcbench.policies import numpy_sums

numpy_sum: Any = kernel(numpy_sums.numpy_sum)
