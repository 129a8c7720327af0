"""The seams: what the reconciler needs from an upstream and from the database.

Clients raise `UpstreamError`, stores raise `StoreError`, and neither retries: the loop does, where retries survive a
restart and are counted. A method that asks for removal says nothing about absence by returning.
"""

from reconciler.ports.evidence import Evidence, Sent, Told
from reconciler.ports.heard import ConnectionSeen, KeptReceipt, ReceiptFilter, ReceiptPage, SenderHeard
from reconciler.ports.intake import Accepted, AcceptedDeletion, Heard, IngestResult, Receipt, Understood
from reconciler.ports.notices import NoticeStore
from reconciler.ports.records import (
    MOST_CONVERGENCES,
    Baseline,
    Binding,
    Convergence,
    DeletionFilter,
    DeletionPage,
    Destroyed,
    Doubted,
    Freed,
    Lease,
    LoggedEvent,
    MessengerState,
    Overview,
    PassRecord,
    UpstreamHealth,
    Verdict,
)
from reconciler.ports.shown import CheckResult, LoopStatus, MessageResult, PlannedStep, PlanPreview
from reconciler.ports.stores import IntakeStore, PassStore, ReadStore, Store
from reconciler.ports.upstreams import (
    LibraryClient,
    MediaServerClient,
    RequestClient,
    TorrentClient,
    Upstream,
    WebhookSettings,
)

__all__ = [
    "MOST_CONVERGENCES",
    "Accepted",
    "AcceptedDeletion",
    "Baseline",
    "Binding",
    "CheckResult",
    "ConnectionSeen",
    "Convergence",
    "DeletionFilter",
    "DeletionPage",
    "Destroyed",
    "Doubted",
    "Evidence",
    "Freed",
    "Heard",
    "IngestResult",
    "IntakeStore",
    "KeptReceipt",
    "Lease",
    "LibraryClient",
    "LoggedEvent",
    "LoopStatus",
    "MediaServerClient",
    "MessageResult",
    "MessengerState",
    "NoticeStore",
    "Overview",
    "PassRecord",
    "PassStore",
    "PlanPreview",
    "PlannedStep",
    "ReadStore",
    "Receipt",
    "ReceiptFilter",
    "ReceiptPage",
    "RequestClient",
    "SenderHeard",
    "Sent",
    "Store",
    "Told",
    "TorrentClient",
    "Understood",
    "Upstream",
    "UpstreamHealth",
    "Verdict",
    "WebhookSettings",
]
