"""Numbers as text that says them to the last bit: for overrides, and for names that tell apart."""


def exact_text(value: float) -> str:
    """Return the text that is read back as the same number; a whole one has no point.

    So keys that take whole numbers take it, and those that take any read the same.
    """
    return str(int(value)) if value.is_integer() else repr(float(value))


def short_text(value: float) -> str:
    """Return the usual six digits where they are all of a number, else its exact text.

    Two numbers never have one text, and which one has does not depend on what stands beside it: a
    scenario keeps its name, of which its worlds are drawn, when its axis gets another value.
    """
    usual = f"{value:g}"
    return usual if float(usual) == value else exact_text(value)
