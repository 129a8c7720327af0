"""From a webhook's payload to what follows from it. Pure: no I/O, no clock, and no JSON value makes it raise.

The one exception is `parse_dashboard`: whoever asks explicitly is told what is wrong (`InvalidPayload`).
"""

from reconciler.intake.arr import oversized, parse_arr
from reconciler.intake.dashboard import MAX_DELETIONS, parse_dashboard
from reconciler.intake.jellyseerr import parse_jellyseerr
from reconciler.intake.problems import FieldProblem, InvalidPayload
from reconciler.intake.redact import RECEIPT_BYTES, redact, to_receipt_body

__all__ = [
    "MAX_DELETIONS",
    "RECEIPT_BYTES",
    "FieldProblem",
    "InvalidPayload",
    "oversized",
    "parse_arr",
    "parse_dashboard",
    "parse_jellyseerr",
    "redact",
    "to_receipt_body",
]
