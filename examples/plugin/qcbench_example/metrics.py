"""A metric: a number of the records of a trial."""

from qcbench.cloud.records import Records

DONE = 0


def prompt_share(records: Records, warm_up_s: float) -> float | None:
    """Return the share of the tasks that waited no longer than they took; None without tasks."""
    seen = (records.arrival_s >= warm_up_s) & (records.status == DONE)
    if not seen.any():
        return None
    return float((records.wait_s[seen] <= records.exec_s[seen]).mean())


prompt_share.goal = "max"  # type: ignore[attr-defined]
