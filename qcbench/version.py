"""The version, on the lowest floor: everything may ask for it, nothing above is imported for it."""

__version__ = "0.1.0"
