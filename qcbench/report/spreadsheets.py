"""Tables that spreadsheets open."""

import polars as pl


def escaped(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose texts no spreadsheet takes for formulas: such a one gets an apostrophe.

    Names of policies and scenarios come from configs, which may be somebody else's.
    """
    text = pl.col(pl.String)
    return frame.with_columns(
        pl.when(text.str.contains(r"^[=+\-@\t\r]")).then("'" + text).otherwise(text).name.keep()
    )
