"""A headless Chromium, driven through its own protocol: what a page looks like and says."""

import asyncio
import base64
import itertools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
"""Path of the browser; empty where there is none."""


@dataclass
class Visit:
    """What came of a visit: errors of the console, values of expressions, first paint."""

    errors: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    first_paint_ms: float | None = None


@dataclass(frozen=True)
class Screen:
    """How a page is looked at."""

    width: int = 1400
    height: int = 1000
    dark: bool = False
    scripts: bool = True


def visit(
    page: Path | str,
    expressions: Sequence[str] = (),
    *,
    screen: Screen | None = None,
    picture: Path | None = None,
    timeout_s: float = 60.0,
) -> Visit:
    """Open a file or an address, evaluate expressions in turn, and take a picture at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            address = _address(Path(profile) / "DevToolsActivePort", timeout_s)
            talk = _talk(address, page, expressions, screen or Screen(), picture)
            return asyncio.run(asyncio.wait_for(talk, timeout_s))
        finally:
            process.terminate()
            process.wait(10)


def _address(file: Path, timeout_s: float) -> str:
    end = time.monotonic() + timeout_s
    while not file.exists() or len(file.read_text().split()) < 2:
        assert time.monotonic() < end, "the browser did not start"
        time.sleep(0.05)
    return f"http://127.0.0.1:{file.read_text().split()[0]}"


async def _talk(
    address: str, page: Path | str, expressions: Sequence[str], screen: Screen, picture: Path | None
) -> Visit:
    found = Visit()
    numbers = itertools.count(1)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{address}/json/list") as answer:
            tabs = await answer.json()
        target = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        async with session.ws_connect(target, max_msg_size=0) as socket:
            loaded = asyncio.Event()

            async def call(method: str, **values: Any) -> dict[str, Any]:
                number = next(numbers)
                await socket.send_json({"id": number, "method": method, "params": values})
                while True:
                    told = await socket.receive_json()
                    if told.get("id") == number:
                        assert "error" not in told, told
                        result: dict[str, Any] = told["result"]
                        return result
                    note(told)

            def note(told: dict[str, Any]) -> None:
                name, values = told.get("method"), told.get("params", {})
                if name == "Page.loadEventFired":
                    loaded.set()
                elif name == "Runtime.exceptionThrown":
                    found.errors.append(str(values["exceptionDetails"]))
                elif name == "Log.entryAdded" and values["entry"]["level"] == "error":
                    found.errors.append(values["entry"]["text"])
                elif name == "Runtime.consoleAPICalled" and values["type"] == "error":
                    found.errors.append(str(values["args"]))

            for domain in ("Page", "Runtime", "Log"):
                await call(f"{domain}.enable")
            await call(
                "Emulation.setDeviceMetricsOverride",
                width=screen.width,
                height=screen.height,
                deviceScaleFactor=1,
                mobile=screen.width < 600,
            )
            scheme = "dark" if screen.dark else "light"
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            await call("Emulation.setEmulatedMedia", features=features)
            if not screen.scripts:
                await call("Emulation.setScriptExecutionDisabled", value=True)
            url = page if isinstance(page, str) else page.resolve().as_uri()
            await call("Page.navigate", url=url)
            while not loaded.is_set():
                note(await socket.receive_json())

            async def value_of(expression: str) -> Any:
                answer = await call(
                    "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
                )
                assert "exceptionDetails" not in answer, answer
                return answer["result"].get("value")

            if screen.scripts:
                found.first_paint_ms = await value_of(
                    "new Promise(done => { new PerformanceObserver(list => "
                    "list.getEntries().forEach(each => each.name === 'first-contentful-paint'"
                    " && done(each.startTime)))"
                    ".observe({type: 'paint', buffered: true}); setTimeout(done, 5000); })"
                )
            for expression in expressions:
                found.values.append(await value_of(expression))
            if picture is not None:
                shot = await call("Page.captureScreenshot", format="png")
                picture.write_bytes(base64.b64decode(shot["data"]))
    return found
