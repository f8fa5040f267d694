"""A picture of a running cloud: who runs what on which QPU, as an image or as text.

A lane is a QPU; on shared QPUs the height of a bar is its share of the qubits. Solid bars have
begun, pale ones are planned by the estimates; the line is now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from qcbench.cloud.cloud import Cloud
from qcbench.cloud.execution import DONE, Execution
from qcbench.errors import InputError
from qcbench.extras import install
from qcbench.fleet.profile import Fleet

MOST_BARS = 80
"""The latest that are drawn; the time axis spans them."""
COLOURS = (
    (49, 130, 189),
    (230, 120, 30),
    (42, 157, 116),
    (207, 68, 87),
    (142, 107, 196),
    (194, 154, 24),
    (27, 160, 184),
    (214, 107, 160),
)
INK, QUIET, LINE, LANE, PAPER = (
    (31, 35, 40),
    (99, 108, 118),
    (200, 206, 213),
    (243, 245, 247),
    (255, 255, 255),
)
WIDTH, LEFT, RIGHT, TOP, BOTTOM, LANE_HEIGHT, GAP = 960, 150, 16, 36, 34, 40, 6
CHARACTERS = 64
"""Length of the time axis in text."""


@dataclass(frozen=True)
class Bar:
    """A task, or a part of one, on a QPU.

    Attributes:
        number: of its job, which gives it its colour.
        low, high: which share of the QPU it takes, 0..1.
        planned: it has not begun.
    """

    qpu: int
    number: int
    start_s: float
    end_s: float
    low: float = 0.0
    high: float = 1.0
    planned: bool = False


@dataclass(frozen=True)
class Picture:
    """What is shown of a cloud at one moment."""

    title: str
    fleet: Fleet
    bars: Sequence[Bar]
    now_s: float

    @classmethod
    def of(cls, cloud: Cloud, log: Sequence[Bar] = ()) -> "Picture":
        """Take a picture of a cloud.

        Args:
            log: bars of what was started, for clouds whose rows are jobs and so do not keep it.
        """
        world = cloud.world
        now_s = cloud.clock.now
        bars = list(log) if log else _bars(world.executions[-MOST_BARS:], cloud)
        broker = cloud.broker
        title = (
            f"{cloud.scenario.name}   t = {now_s:.1f} s   decision {world.decisions}   "
            f"{broker.running} running, {broker.pending} waiting"
        )
        return cls(title, world.fleet, bars[-MOST_BARS:], now_s)

    def window(self) -> tuple[float, float]:
        """Return the times at both ends of the axis."""
        starts = [bar.start_s for bar in self.bars]
        ends = [bar.end_s for bar in self.bars]
        first, last = min([self.now_s, *starts]), max([self.now_s, *ends])
        return first, last if last > first else first + 1.0

    def ansi(self) -> str:
        """Return the picture as lines of text: `#` has begun, `.` is planned, `|` is now."""
        first, last = self.window()
        scale = (CHARACTERS - 1) / (last - first)
        name_width = max(len(name) for name in self.fleet.names)
        lines = [self.title]
        for index, qpu in enumerate(self.fleet):
            row = [" "] * CHARACTERS
            for bar in self.bars:
                if bar.qpu == index:
                    begin, end = ((t - first) * scale for t in (bar.start_s, bar.end_s))
                    for place in range(int(begin), max(int(begin) + 1, int(end))):
                        row[place] = "." if bar.planned else "#"
            row[int((self.now_s - first) * scale)] = "|"
            lines.append(f"{qpu.name:<{name_width}} {qpu.qubits:>4}q {''.join(row)}")
        lines.append(f"{'':<{name_width}}       {first:<.1f} s{last:>{CHARACTERS - 12}.1f} s")
        return "\n".join(lines)

    def rgb(self) -> npt.NDArray[np.uint8]:
        """Return the picture as an image of shape (height, width, 3).

        Raises:
            InputError: Pillow is not installed.
        """
        try:
            from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415
        except ImportError as error:
            raise InputError(
                f"render_mode rgb_array: Pillow is not installed; `{install(['agents'])}`, "
                "or use ansi"
            ) from error
        lanes = len(self.fleet)
        height = TOP + lanes * (LANE_HEIGHT + GAP) + BOTTOM
        image = Image.new("RGB", (WIDTH, height), PAPER)
        draw = ImageDraw.Draw(image)
        font, small = ImageFont.load_default(size=14), ImageFont.load_default(size=11)
        draw.text((LEFT, 9), self.title, fill=INK, font=font)
        first, last = self.window()
        scale = (WIDTH - LEFT - RIGHT) / (last - first)
        for index, qpu in enumerate(self.fleet):
            top = TOP + index * (LANE_HEIGHT + GAP)
            draw.rectangle((LEFT, top, WIDTH - RIGHT, top + LANE_HEIGHT), fill=LANE)
            draw.text((10, top + 5), qpu.name[:18], fill=INK, font=font)
            draw.text((10, top + 22), f"{qpu.qubits} qubits", fill=QUIET, font=small)
        for bar in self.bars:
            self._draw_bar(draw, small, bar, first, scale)
        bottom = TOP + lanes * (LANE_HEIGHT + GAP)
        for tick_s in _ticks(first, last):
            x = LEFT + (tick_s - first) * scale
            draw.line((x, bottom, x, bottom + 4), fill=QUIET)
            draw.text((x, bottom + 6), f"{tick_s:g} s", fill=QUIET, font=small, anchor="ma")
        x = LEFT + (self.now_s - first) * scale
        draw.line((x, TOP - 4, x, bottom), fill=INK, width=2)
        return np.asarray(image, dtype=np.uint8).copy()

    def _draw_bar(self, draw: Any, font: Any, bar: Bar, first: float, scale: float) -> None:
        lane = TOP + bar.qpu * (LANE_HEIGHT + GAP)
        left = LEFT + (bar.start_s - first) * scale
        right = max(left + 2, LEFT + (bar.end_s - first) * scale - 1)
        # Shares are counted from the bottom of the lane.
        top, bottom = lane + (1 - bar.high) * LANE_HEIGHT, lane + (1 - bar.low) * LANE_HEIGHT
        colour = COLOURS[bar.number % len(COLOURS)]
        fill = tuple(255 - (255 - c) * 2 // 5 for c in colour) if bar.planned else colour
        draw.rectangle((left, top, right, bottom), fill=fill, outline=PAPER)
        label = str(bar.number)
        if right - left > draw.textlength(label, font=font) + 4 and bottom - top > 12:
            middle = ((left + right) / 2, (top + bottom) / 2)
            draw.text(middle, label, fill=INK if bar.planned else PAPER, font=font, anchor="mm")


def _bars(executions: Sequence[Execution], cloud: Cloud) -> list[Bar]:
    """Return what was started or planned, parts of splits side by side on their QPUs."""
    shared = cloud.world.rules.dispatch.qpus == "shared"
    capacity = cloud.world.fleet.qubits.tolist()
    bars: list[Bar] = []
    for execution in sorted(executions, key=lambda e: e.order):
        if not execution.parts or execution.order < 0:
            continue
        planned = isnan(execution.start_s)
        start_s = execution.submit_s + execution.estimated_wait_s if planned else execution.start_s
        end_s = (
            execution.finish_s
            if execution.status == DONE
            else start_s + execution.comm_s + execution.estimated_exec_s
        )
        for qpu, qubits in execution.parts:
            low, high = 0.0, 1.0
            if shared:
                share = qubits / capacity[qpu]
                taken = [b for b in bars if b.qpu == qpu and b.end_s > start_s]
                low = _lowest(share, taken)
                high = low + share
            bars.append(Bar(qpu, execution.job, start_s, end_s, low, high, planned))
    return bars


def _lowest(share: float, taken: Sequence[Bar]) -> float:
    """Return the lowest place for a share between bars that are there at the same time.

    Qubits have no order, so what is free may lie in pieces; then bars overlap.
    """
    low = 0.0
    for bar in sorted(taken, key=lambda b: b.low):
        if bar.low - low >= share:
            break
        low = max(low, bar.high)
    return min(low, 1.0 - share)


def _ticks(first: float, last: float) -> list[float]:
    """Return four to ten round times of an interval."""
    step = 10.0 ** np.floor(np.log10(last - first))
    while (last - first) / step < 4:
        step /= 2
    begin = np.ceil(first / step) * step
    return [float(t) for t in np.arange(begin, last, step)]
