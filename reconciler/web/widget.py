"""The status as dashboards take it: one flat object, each value ready to be shown."""

from pydantic import AwareDatetime

from reconciler.model import Phase
from reconciler.web.answers import Out
from reconciler.web.schemas import StatusOut
from reconciler.words import size_in_words

_OPEN = (Phase.PENDING, Phase.WAITING, Phase.CONVERGING, Phase.HELD)


class WidgetOut(Out):
    """The status for a dashboard: flat, and without titles. Sizes are bytes, beside them in words.

    `open` is what has not ended; `upstreams` counts those that are configured.
    """

    verdict: str
    ok: bool
    mode: str
    version: str
    open: int
    pending: int
    waiting: int
    converging: int
    held: int
    needs_you: int
    converged: int
    cancelled: int
    freed: int
    freed_text: str
    freed_last_24_hours: int
    freed_last_24_hours_text: str
    upstreams: int
    upstreams_down: int
    upstreams_down_names: str
    oldest_open_at: AwareDatetime | None
    last_pass_at: AwareDatetime | None
    next_pass_at: AwareDatetime | None


def widget_out(status: StatusOut) -> WidgetOut:
    """Flatten a status that names no titles: dashboards are looked at by many."""
    configured = [upstream for upstream in status.upstreams if upstream.configured]
    down = [upstream.name for upstream in configured if upstream.reachable is False]
    return WidgetOut(
        verdict=status.verdict,
        ok=status.ok,
        mode=status.mode,
        version=status.version,
        open=sum(status.counts[phase] for phase in _OPEN),
        pending=status.counts[Phase.PENDING],
        waiting=status.counts[Phase.WAITING],
        converging=status.counts[Phase.CONVERGING],
        held=status.counts[Phase.HELD],
        needs_you=status.needs_you,
        converged=status.counts[Phase.CONVERGED],
        cancelled=status.counts[Phase.CANCELLED],
        freed=status.space.freed,
        freed_text=size_in_words(status.space.freed),
        freed_last_24_hours=status.space.freed_last_24_hours,
        freed_last_24_hours_text=size_in_words(status.space.freed_last_24_hours),
        upstreams=len(configured),
        upstreams_down=len(down),
        upstreams_down_names=", ".join(down),
        oldest_open_at=status.oldest_unsettled_at,
        last_pass_at=status.last_pass.finished_at if status.last_pass else None,
        next_pass_at=status.loop.next_pass_at,
    )
