"""What the web and the command line show of the loop."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.model import Condition, DeletionId, InstanceName, Phase, Target, UpstreamKind


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """What this process's loop is doing: whether it runs, when it looks next, whether it may reconcile.

    `process` is its name as a holder of the lease; without the lease there is no next pass here.
    """

    running: bool
    next_pass_at: datetime | None
    lease_held: bool
    process: str


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One call that would be made: `action` is the class of the action, such as `RemoveTorrent`.

    `name` and `detail` are for people, `paths` are what would go there, `size` is in bytes (0: not known, or nothing
    goes).
    """

    action: str
    instance: InstanceName
    name: str = ""
    detail: str = ""
    size: int = 0
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """Everything that would be done for one deletion, in order, as seen now; nothing was sent.

    `deletion` is `None` for a wish that is not in the log. `conditions` are those of now, `targets` what is bound or
    would be. `ends_as` is the phase that the steps lead to, if every upstream does as it is told. `notes` are for
    people.
    """

    deletion: DeletionId | None
    steps: tuple[PlannedStep, ...] = ()
    conditions: tuple[Condition, ...] = ()
    targets: tuple[Target, ...] = ()
    ends_as: Phase = Phase.PENDING
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageResult:
    """Whether a messenger, called by its place in the configuration and its kind, took a message; else why not."""

    position: int
    kind: str
    ok: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `check` found at one configured instance. `message` says what was seen, `fix` what to do if not `ok`.

    `webhook` says what is to be known of the webhook it should send, `""` if that is all right. It never makes the
    check fail: what no webhook tells is found by polling.
    """

    instance: InstanceName
    kind: UpstreamKind
    ok: bool
    app: str = ""
    version: str = ""
    message: str = ""
    fix: str = ""
    webhook: str = ""
