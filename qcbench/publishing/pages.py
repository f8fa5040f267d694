"""The pages of a site, from its entries alone."""

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from qcbench.publishing.cards import Cards, PublishedCard, cards_of, qpu_table, rows_of
from qcbench.publishing.checking import ENTRIES, REPORTS
from qcbench.publishing.entries import PublishedRun
from qcbench.publishing.schema import schemas
from qcbench.report import text
from qcbench.report.heads import Head, explained_of, general_heads, heads
from qcbench.report.pages import environment
from qcbench.report.rows import Block, blocks, direction, page_headline
from qcbench.report.style import looks

INDEX = "index.html"
MADE_BY = '<meta name="generator" content="qcbench publish">'
"""What tells an index that may be replaced from somebody's own."""
ALL = "all scenarios"
"""In the place of a scenario: the comparison over all of a run."""

SITE_HEADS: Mapping[str, Head] = {
    "suite": Head("Suite", "What was run.", number=False),
    "scenario": Head(
        "Scenario",
        "Cloud and workload. Where scenarios of one name differ, the beginnings of their hashes"
        " tell them apart: compare rows of one scenario only.",
        number=False,
    ),
    "who": Head("Who", "Who published it, as they call themselves.", number=False),
    "metric": Head("Metric", "What is measured, and whether less or more is better.", number=False),
    "run": Head("Run", "The run that the row is from.", number=False),
    "date": Head("Date", "When the run began.", number=False),
    "trials": Head("Trials", "That have a result, of those that the run has."),
    "version": Head("qcbench", "The version that ran it.", number=False),
    "best": Head("First", "The policy that ranks first.", number=False),
}


def pages_of(runs: Sequence[PublishedRun]) -> dict[str, str]:
    """Return every file of a site besides entries and reports, by path; the index comes last."""
    cards = cards_of(runs)
    templates = environment("qcbench.publishing")
    found = {f"schemas/{name}.json": content for name, content in schemas().items()}
    boards = {run.id: blocks(run.summary) for run in runs}
    common: dict[str, Any] = {"made_by": MADE_BY, "text": text, "links": {}, "look": {}}

    def rendered(template: str, path: str, **values: Any) -> None:
        def to(target: str) -> str:
            return posixpath.relpath(target, posixpath.dirname(path) or ".")

        found[path] = templates.get_template(template).render({**common, "to": to, **values})

    for run in runs:
        path = page_of(run)
        rendered("run.html.j2", path, **_run_values(run, boards[run.id], cards, path))
    lists = (cards.models, cards.scenarios, cards.fleets)
    for card in (card for cards_of_kind in lists for card in cards_of_kind.values()):
        rendered("card.html.j2", card.path, **_card_values(card, cards, boards))
    rows = _index_rows(runs, boards, cards)
    rendered(
        "index.html.j2",
        INDEX,
        heads={**general_heads(), **SITE_HEADS},
        rows=rows,
        runs=[_run_row(run) for run in runs],
        people=len({run.data["author"] for run in runs if run.data["author"]}),
        suites=len({run.data["suite"]["name"] for run in runs}),
        cards={
            "Learned policies": _sorted(cards.models),
            "Scenarios": _sorted(cards.scenarios),
            "Fleets": _sorted(cards.fleets),
        },
        schemas=sorted(schemas()),
    )
    return found


def page_of(run: PublishedRun) -> str:
    """Return the path of a run's page."""
    return f"runs/{run.id}.html"


def _sorted(cards: Mapping[str, PublishedCard]) -> list[PublishedCard]:
    return sorted(cards.values(), key=lambda card: (card.name, card.identity))


def _run_row(run: PublishedRun) -> dict[str, Any]:
    data = run.data
    return {
        "run": run,
        "path": page_of(run),
        "short": run.id.removeprefix(f"{data['suite']['name']}-"),
        "suite": data["suite"]["name"],
        "who": data["author"] or "",
        "trials": f"{data['run']['done']:,} of {data['run']['expected']:,}",
        "version": data["run"]["versions"].get("qcbench", ""),
        "best": data["leaderboard"]["overall"][0]["policy"],
    }


def _scenario_names(cards: Cards) -> dict[str, str]:
    """Return what each scenario is called, with a part of its hash where a name has several."""
    names = [card.name for card in cards.scenarios.values()]
    return {
        key: card.name if names.count(card.name) == 1 else f"{card.name} · {key[:6]}"
        for key, card in cards.scenarios.items()
    }


def _index_rows(
    runs: Sequence[PublishedRun], boards: Mapping[str, Sequence[Block]], cards: Cards
) -> list[dict[str, Any]]:
    """Return the rows of the leaderboard of all runs: a suite's together, the best first."""
    names = _scenario_names(cards)
    rows: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    for run in runs:
        summary, models = run.summary, cards.models_of(run)
        scenarios = cards.scenarios_of(run)
        metric = f"{text.title_of(summary.metric)}, {text.GOALS[summary.goal]}"
        common = _run_row(run) | {"metric": metric, "baseline": summary.baseline}

        def add(
            row: Mapping[str, Any], order: tuple[Any, ...], common: Any = common, **more: Any
        ) -> None:
            name = row["policy"]
            model = models.get(name)  # noqa: B023 - called within the loop
            judged = direction(row, summary)  # noqa: B023 - called within the loop
            rows.append(
                (
                    (common["suite"], *order, common["run"].id),
                    {**common, **more, "row": row, "direction": judged, "model": model},
                )
            )

        if len(boards[run.id]) > 1:
            for row in summary.overall.iter_rows(named=True):
                change = row["relative_percent"]
                add(
                    row,
                    ("", _order(change, "min" if summary.goal == "min" else "max")),
                    scenario=ALL,
                    card=None,
                    block=None,
                )
        for block in boards[run.id]:
            card = scenarios[block.scenario]
            for row in block.rows:
                order = (names[card.identity], _order(row["mean"], summary.goal))
                add(row, order, scenario=names[card.identity], card=card, block=block)
    return [row for _, row in sorted(rows, key=lambda each: each[0])]


def _order(value: float | None, goal: str) -> tuple[bool, float]:
    """Sort key: the best first, what is unknown last."""
    return value is None, 0.0 if value is None else value if goal == "min" else -value


def _run_values(
    run: PublishedRun, board: Sequence[Block], cards: Cards, path: str
) -> dict[str, Any]:
    summary, data = run.summary, run.data
    scenarios = cards.scenarios_of(run)
    explained = explained_of(any(block.has_gaps for block in board))
    folder = posixpath.dirname(path)
    return {
        "run": run,
        "data": data,
        "facts": _run_row(run),
        "heads": heads(summary),
        "explained": explained,
        "look": looks(summary.policies, summary.baseline),
        "links": {
            name: posixpath.relpath(card.path, folder)
            for name, card in cards.models_of(run).items()
        },
        "summary": summary,
        "direction": lambda row: direction(row, summary),
        "headline": page_headline(summary),
        "metric": text.title_of(summary.metric),
        "goal": text.GOALS[summary.goal],
        "overall": summary.overall.to_dicts() if len(board) > 1 else [],
        "blocks": [(block, scenarios[block.scenario]) for block in board],
        "report": f"{REPORTS}/{run.id}.html" if data["report"] else "",
        "entry": f"{ENTRIES}/{run.id}.json",
    }


def _card_values(
    card: PublishedCard, cards: Cards, boards: Mapping[str, Sequence[Block]]
) -> dict[str, Any]:
    kind = {"models": "Learned policy", "scenarios": "Scenario", "fleets": "Fleet"}[card.folder]
    fleet = cards.fleet_of(card) if card.folder == "scenarios" else None
    qpus = qpu_table(card.content) if card.folder == "fleets" else None
    # What has a page or a table of its own is no row.
    apart = ("fleet", "qpus") if card.folder != "fleets" or qpus else ()
    content = {key: value for key, value in card.content.items() if key not in apart}
    results = [
        (run, page_of(run), block, row, direction(row, run.summary))
        for run, name in (card.used if card.folder == "models" else ())
        for block in boards[run.id]
        for row in block.rows
        if row["policy"] == name
    ]
    description = card.content.get("description")
    return {
        "kind": kind,
        "card": card,
        "description": description if isinstance(description, str) else "",
        "fleet": fleet,
        "qpus": qpus,
        "rows": rows_of(content),
        "results": results,
        "used": sorted({(page_of(run), run.id) for run, _ in card.used}),
        "heads": {**general_heads(), **SITE_HEADS},
    }
