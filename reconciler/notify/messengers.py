"""The messengers, through Apprise: the only module that knows it, and only where some are configured.

Their addresses are secrets. A messenger is called by its place in the configuration and its kind, and what Apprise logs
goes nowhere: it quotes hosts, parts of addresses and, at its lowest level, everything.
"""

import asyncio
import logging
import re
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from reconciler.errors import ConfigError
from reconciler.notify.wording import Message

if TYPE_CHECKING:
    import apprise

PATIENCE = timedelta(seconds=20)
"""How long a message may take to be taken."""

MISSING = (
    "notifications.urls is set, but Apprise is not installed, which sends the messages; install it with: "
    "pip install 'deletion-reconciler[notifications]'"
)

_LARGEST_BODY = 4000
_FILLED = 0.8
"""Of the room that a messenger has: some count what escaping adds, too."""

_SILENT = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib", "smtplib")
_STATUS = re.compile(r"\berror=(\d{3})\b")


class Messenger:
    """One messenger. It takes one message at a time."""

    def __init__(self, position: int, kind: str, sender: "apprise.Apprise") -> None:
        self.position = position
        self.kind = kind
        self._sender = sender
        self._outcome: asyncio.Future[str] | None = None  # of the last message, until somebody was told

    @property
    def name(self) -> str:
        """How people know which is meant: its place in the configuration and its kind."""
        return f"{self.position} ({self.kind})"

    @property
    def room(self) -> int:
        """Return about how many characters a message may have."""
        return min(_LARGEST_BODY, int(min(server.body_maxlen for server in self._sender) * _FILLED))

    @property
    def is_busy(self) -> bool:
        """Tell whether a message is on its way, perhaps one that `send` has given up waiting for."""
        return self._outcome is not None and not self._outcome.done()

    async def send(self, message: Message, *, within: timedelta = PATIENCE) -> str:
        """Send a message. Return `""` when it was taken, or what went wrong in words without a secret.

        What is not answered in time goes on, and `late_answer` tells what became of it. Apprise waits for the network
        without giving way, so it runs beside the loop, in a thread that the end of the process does not wait for.
        """
        if self.is_busy:
            return "the message before is still on its way"
        loop = asyncio.get_running_loop()
        self._outcome = outcome = loop.create_future()

        def work() -> None:
            try:
                said = self._deliver(message)
            except Exception as error:  # noqa: BLE001 - whatever a messenger's code raises: the message was not taken
                said = f"it could not be sent ({type(error).__name__})"
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(outcome.set_result, said)

        threading.Thread(target=work, name=f"messenger {self.position}", daemon=True).start()
        await asyncio.wait([outcome], timeout=within.total_seconds())
        said = self.late_answer()
        return "it did not answer in time" if said is None else said

    def late_answer(self) -> str | None:
        """Return once what became of a message that nobody waited for any more, as `send` does; `None` if nothing."""
        outcome = self._outcome
        if outcome is None or not outcome.done():
            return None
        self._outcome = None
        return outcome.result()

    def _deliver(self, message: Message) -> str:
        result = self._sender.notify(
            title=message.title,
            body=message.body,
            body_format="text",
            notify_type="warning" if message.is_urgent else "info",
            interpret_escapes=False,
        )
        return "" if result else _why(result)


def connect_messengers(urls: Sequence[SecretStr]) -> tuple[Messenger, ...]:
    """Make a messenger per address; nothing is sent. Without addresses Apprise is not even looked for.

    Raises `ConfigError`, with a problem for each address that cannot be used; none quotes it. An address with several
    targets cannot: Apprise sends to one after the other, with pauses, and says only whether all took the message, so
    one that did not would have the others told again and again.
    """
    if not urls:
        return ()
    _silence()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its modules use what Python will drop; that is nothing for our users
            import apprise  # noqa: PLC0415 - an extra, and slow to import

            asset = apprise.AppriseAsset(
                app_id="deletion-reconciler",
                app_desc="Deletion reconciler",
                async_mode=False,
                secure_logging=True,
                storage_mode="memory",  # nothing is written to the disk
            )
            clear = [url.get_secret_value() for url in urls]
            found = [apprise.Apprise.instantiate(url, asset=asset) for url in clear]
    except ImportError as error:
        raise ConfigError([MISSING]) from error
    messengers: list[Messenger] = []
    problems: list[str] = []
    for number, (url, server) in enumerate(zip(clear, found, strict=True), start=1):
        kind = url.partition("://")[0].lower()
        if server is None:
            problems.append(
                f"notifications.urls: address {number} ({kind}) cannot be used; correct it after docs/notifications.md."
            )
        elif (targets := _targets_of(server)) > 1:
            problems.append(
                f"notifications.urls: address {number} ({kind}) has {targets} targets; write one address for each, "
                "such as ntfy://HOST/TOPIC ntfy://HOST/OTHER (docs/notifications.md)."
            )
        else:
            sender = apprise.Apprise(asset=asset)
            sender.add(server)
            messengers.append(Messenger(number, kind, sender))
    if problems:
        raise ConfigError(problems)
    return tuple(messengers)


def _targets_of(server: Any) -> int:
    """Return how many are told one after the other. Apprise counts an attempt that `?retry=` allows as one, too."""
    return len(server) // (getattr(server, "retry", 0) + 1)


def _silence() -> None:
    """Let nothing that these libraries log reach a handler of ours."""
    for name in _SILENT:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)  # Apprise reads its own lines to say what went wrong
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def _why(result: Any) -> str:
    """Return in closed words why a message was not taken, as far as Apprise tells it (from 2.3 on)."""
    lines = [str(entry.message) for one in getattr(result, "results", ()) for entry in one.logs()]
    status = next((found[1] for line in lines if (found := _STATUS.search(line))), None)
    if status is not None:
        return f"it answered {status}"
    if any("connection error" in line.lower() for line in lines):
        return "it cannot be reached"
    return "it did not take the message"
