"""Numbers as text that says them to the last bit: for overrides, and for names that tell apart."""


def exact_number(value: float) -> float:
    """Return a number as a float where that is the same, else as the whole number that it is."""
    return float(value) if float(value) == value else value


def exact_text(value: float) -> str:
    """Return the text that is read back as the same number; a whole one has no point.

    So keys that take whole numbers take it, and those that take any read the same.
    """
    whole = isinstance(value, int) or value.is_integer()
    return str(int(value)) if whole else repr(float(value))


def short_text(value: float) -> str:
    """Return the usual six digits where they are all of a number, else its exact text.

    Two numbers never have one text, and which one has does not depend on what stands beside it: a
    scenario keeps its name, of which its worlds are drawn, when its axis gets another value.
    """
    usual = f"{value:g}"
    return usual if float(usual) == value else exact_text(value)
