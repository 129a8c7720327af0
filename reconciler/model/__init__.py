"""What was asked, what was bound and what is known: the words every other module speaks.

Nothing here does I/O. What upstreams *show* is in `observed.py`.
"""

from reconciler.model.approval import approval_digest, lifted_by_approval
from reconciler.model.bound import Monitoring, Target, TargetKind
from reconciler.model.conditions import Condition, ConditionType, DeletionState, Event, Phase, Status, phase_of
from reconciler.model.desired import Deletion, DeletionRequest, Hints, IssueCommand, Options, SettledAs, deletion_of
from reconciler.model.identity import (
    NEVER_DELETING_NOTIFICATIONS,
    WANTED_NOTIFICATIONS,
    DeletionId,
    InfoHash,
    InstanceName,
    Media,
    MediaKind,
    Source,
    TorrentId,
    Unit,
    UpstreamKind,
    parse_info_hash,
    parse_torrent_id,
)
from reconciler.model.ledger import (
    DownloadProtocol,
    LedgerCoverage,
    LibraryRow,
    ManualAdd,
    NewReference,
    Reference,
    ReferenceKind,
    Want,
    WantKind,
)
from reconciler.model.notices import Notice, Occasion
from reconciler.model.webhooks import (
    EVENT_WORDS,
    WEBHOOK_NAME,
    SecretSeen,
    SeenWebhook,
    WantedWebhook,
    WebhookState,
)

__all__ = [
    "EVENT_WORDS",
    "NEVER_DELETING_NOTIFICATIONS",
    "WANTED_NOTIFICATIONS",
    "WEBHOOK_NAME",
    "Condition",
    "ConditionType",
    "Deletion",
    "DeletionId",
    "DeletionRequest",
    "DeletionState",
    "DownloadProtocol",
    "Event",
    "Hints",
    "InfoHash",
    "InstanceName",
    "IssueCommand",
    "LedgerCoverage",
    "LibraryRow",
    "ManualAdd",
    "Media",
    "MediaKind",
    "Monitoring",
    "NewReference",
    "Notice",
    "Occasion",
    "Options",
    "Phase",
    "Reference",
    "ReferenceKind",
    "SecretSeen",
    "SeenWebhook",
    "SettledAs",
    "Source",
    "Status",
    "Target",
    "TargetKind",
    "TorrentId",
    "Unit",
    "UpstreamKind",
    "Want",
    "WantKind",
    "WantedWebhook",
    "WebhookState",
    "approval_digest",
    "deletion_of",
    "lifted_by_approval",
    "parse_info_hash",
    "parse_torrent_id",
    "phase_of",
]
