"""Deletions that are ordered in an issue of Jellyseerr: what counts as an order, and how its words are compared."""

import re

from reconciler.intake.loose import text
from reconciler.intake.redact import redact_text


def command_text(raw: object) -> str:
    """Return the normal form in which what was written in an issue is kept and compared; `""` if nothing is left.

    Runs of white space are one space, characters nobody sees are gone, and what remains is cut to 500 characters; then
    e-mail addresses and secrets are replaced. Upper and lower case stay as written. What a webhook and what
    `GET /issue/{id}` say of the same comment have the same normal form.
    """
    return " ".join(redact_text(text(raw) or "").split())


def is_command(raw: object, phrase: str) -> bool:
    """Tell whether what was written begins with `phrase`, in any case, as words of its own."""
    said, wanted = text(raw), text(phrase)
    if said is None or wanted is None:
        return False
    return re.match(re.escape(wanted.casefold()) + r"(?!\w)", said.casefold()) is not None
