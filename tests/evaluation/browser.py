"""A headless Chromium for tests of pages, driven over its DevTools pipe with the standard library alone.

Mouse and keyboard events go through the browser's own input handling, as a person's do; console messages, exceptions
and every request are recorded.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"),
)
SECONDS = 60.0
"""How long an answer or a condition is waited for."""


class Browser:
    """One tab.

    Args:
        profile: an empty folder for the browser's own files.

    Attributes:
        problems: console warnings and errors, failed loads and exceptions, in words.
        requests: addresses of everything that was loaded or tried.
    """

    def __init__(self, profile: Path):
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._buffer, self._number, self._session = b"", 0, None
        commands, self._write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in os.pipe())
        self._read, answers = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in os.pipe())
        # Chromium reads its file 3 and writes its file 4.
        command = ["bash", "-c", f'exec "$@" 3<&{commands} 4>&{answers}', "bash"]
        command += [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        log = (profile.parent / f"{profile.name}.log").open("wb")
        self._process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=(commands, answers))
        os.close(commands)
        os.close(answers)
        tabs = self.call("Target.getTargets")["targetInfos"]
        target = next(tab["targetId"] for tab in tabs if tab["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict:
        """Send a command and wait for its answer."""
        self._number += 1
        message: dict = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _receive(self) -> dict:
        limit = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], limit - time.monotonic())[0], "the browser does not answer"
            received = os.read(self._read, 1 << 20)
            assert received, "the browser has ended"
            self._buffer += received
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, said: dict) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(value.get("value")) for value in said["args"]))
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.problems.append(said["entry"]["text"])
        elif method == "Network.loadingFailed":
            self.problems.append(f"loading failed: {said['errorText']}")

    def open(self, address: str) -> None:
        """Load a page to its end."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until a JavaScript condition holds."""
        limit = time.monotonic() + SECONDS
        while not self.ask(condition):
            assert time.monotonic() < limit, f"never: {condition}"
            time.sleep(0.02)

    def point(self, selector: str, *, across: float = 0.5, down: float = 0.5) -> tuple[float, float]:
        """Move the mouse onto the first element that a selector finds; its place in the window."""
        found = self.ask(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;"
            " e.scrollIntoView({block: 'center', inline: 'nearest'}); const b = e.getBoundingClientRect();"
            f" return [b.x + b.width * {across}, b.y + b.height * {down}]; }})()"
        )
        assert found, f"nothing is {selector}"
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=found[0], y=found[1])
        return found[0], found[1]

    def click(self, selector: str, **where: float) -> None:
        """Press the mouse on the first element that a selector finds."""
        x, y = self.point(selector, **where)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, code: int) -> None:
        """Press a key: its name and its Windows key code."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def window(self, width: int, height: int, *, dark: bool = False) -> None:
        """The size of the window and the reader's preference."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of the window, or of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """End the browser."""
        self._session = None
        try:
            self.call("Browser.close")
        except (AssertionError, OSError):
            self._process.kill()
        self._process.wait(SECONDS)
        os.close(self._read)
        os.close(self._write)
