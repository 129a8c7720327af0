"""A messenger's server on this machine: takes what Apprise posts to `json://`, refuses it, or hangs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from pydantic import SecretStr

PASSWORD = "hunter2-of-the-sink"


@dataclass
class Sink:
    """What arrived, in order; `status` is how it answers. While `hangs`, it takes a message and says nothing."""

    port: int
    status: int = 200
    messages: list[dict[str, Any]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.released.set()

    @property
    def url(self) -> SecretStr:
        """The address as it is configured, with a secret in it. Apprise gives up only after the test has."""
        return SecretStr(f"json://someone:{PASSWORD}@127.0.0.1:{self.port}/{PASSWORD}?rto=60")

    @property
    def bodies(self) -> list[list[str]]:
        """The lines of every message."""
        return [message["message"].splitlines() for message in self.messages]

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]

    def hang(self) -> None:
        self.released.clear()


@contextmanager
def sink_server() -> Iterator[Sink]:
    """Run a sink; what hangs is released at the end."""

    class Handler(BaseHTTPRequestHandler):
        sink: ClassVar[Sink]

        def do_POST(self) -> None:
            sink = self.sink
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            sink.arrived.set()
            sink.released.wait()
            if sink.status < 300:
                sink.messages.append(message)
            self.send_response(sink.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.sink = Sink(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Handler.sink
    finally:
        Handler.sink.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
