"""From a webhook's payload to what follows from it. Pure: no I/O, no clock, and no JSON value makes it raise.

The exceptions are `parse_dashboard` and `parse_attribution`: whoever asks explicitly is told what is wrong
(`InvalidPayload`).
"""

from reconciler.intake.arr import oversized, parse_arr, sent_by
from reconciler.intake.attribution import parse_attribution
from reconciler.intake.command import command_text
from reconciler.intake.dashboard import MAX_DELETIONS, parse_dashboard
from reconciler.intake.jellyfin import parse_jellyfin
from reconciler.intake.jellyseerr import parse_jellyseerr
from reconciler.intake.loose import LAST_SEASON, MAX_ID
from reconciler.intake.problems import FieldProblem, InvalidPayload
from reconciler.intake.redact import RECEIPT_BYTES, redact, to_receipt_body

__all__ = [
    "LAST_SEASON",
    "MAX_DELETIONS",
    "MAX_ID",
    "RECEIPT_BYTES",
    "FieldProblem",
    "InvalidPayload",
    "command_text",
    "oversized",
    "parse_arr",
    "parse_attribution",
    "parse_dashboard",
    "parse_jellyfin",
    "parse_jellyseerr",
    "redact",
    "sent_by",
    "to_receipt_body",
]
