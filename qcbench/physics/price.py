"""What an execution costs."""

from qcbench.arrays import FloatArray


def usage_price(exec_s: FloatArray, price_per_s: FloatArray) -> FloatArray:
    """Price of holding a QPU for its execution time; currency of the profile's price."""
    return exec_s * price_per_s
