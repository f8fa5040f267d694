"""What a learned policy observes and is rewarded for: one formula for every engine.

The functions here take scalars and indexables and write into ``out``. They are plain Python, so
that an exported policy needs nothing but NumPy; the kernels compile the very same functions with
numba.
"""
