"""A web server on this machine that misbehaves as it is told, for the tests of downloads."""

import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives the answers of `Server.answers`, one a request, the last one for ever."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers)))
            answers = self.server.answers.get(self.path, [status(404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.close_connection = True
        answer(self)

    def log_message(self, *arguments: object) -> None:
        """Nothing on the screen."""

    def head(self, code: int, **headers: object) -> None:
        self.send_response(code)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()


class Server(ThreadingHTTPServer):
    """``answers[path]`` are given in turn; ``seen`` are the requests: (path, headers)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def ranges(self) -> list[str | None]:
        """The range of each request."""
        return [headers.get("Range") for _, headers in self.seen]


def content(
    data: bytes,
    *,
    cut: int | None = None,
    tag: str | None = '"one"',
    ranges: bool = True,
    length: int | None = -1,
    pause: float = 0.0,
    kind: str = "application/octet-stream",
    shift: int = 0,
) -> Answer:
    """An answer with a file.

    Args:
        cut: bytes after which the connection is cut.
        tag: entity tag; None: none.
        ranges: whether ``Range`` (and ``If-Range``) are honoured.
        length: stated length; -1: the true one; None: none.
        pause: seconds between pieces of 1000 bytes.
        shift: bytes by which a range begins too late.
    """

    def answer(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        matches = handler.headers.get("If-Range", tag) == tag
        begin = int(asked[1]) if asked and ranges and matches else 0
        if begin > len(data) or (begin and begin == len(data)):
            handler.head(416, Content_Range=f"bytes */{len(data)}", Content_Length=0)
            return
        rest = data[begin:]
        size = len(rest) if length == -1 else length
        spread = f"bytes {begin + shift}-{len(data) - 1}/{len(data)}" if begin else None
        handler.head(206 if begin else 200, Content_Length=size, ETag=tag, Content_Range=spread, Content_Type=kind)
        rest = rest[:cut]
        step = 1000 if pause else max(1, len(rest))
        for place in range(0, len(rest), step):
            try:
                handler.wfile.write(rest[place : place + step])
                handler.wfile.flush()
            except OSError:  # the client gave up
                return
            time.sleep(pause)

    return answer


def chunked(data: bytes, *, whole: bool = True) -> Answer:
    """An answer in chunks without a length; without the last one where it is not whole."""

    def answer(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        for place in range(0, len(data), 1000):
            piece = data[place : place + 1000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if whole:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def status(code: int, **headers: object) -> Answer:
    """An answer without a file."""
    return lambda handler: handler.head(code, Content_Length=0, **headers)


def silence(seconds: float) -> Answer:
    """No answer for a while."""
    return lambda handler: time.sleep(seconds)
