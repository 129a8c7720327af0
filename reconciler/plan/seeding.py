"""Seeding obligations: what a tracker was promised must be kept before a torrent may go."""

from urllib.parse import urlsplit

from reconciler.observed import Torrent, Trackers
from reconciler.plan.policy import SeedingPolicy, SeedingRule

HOUR = 3600.0
_STOPPED = frozenset({"pausedUP", "stoppedUP"})
_IDLE = "stalledUP"  # its seeding time is shown as of its last successful announce


def unmet(torrent: Torrent, trackers: Trackers | None, policy: SeedingPolicy) -> str | None:
    """Return in words what a torrent still owes, such as "ratio 0.71 of 1.00, 14 h of 72 h", or `None` for nothing.

    `trackers` is `None` when they were not read: then a rule about trackers or privacy that may match does. Only what
    was downloaded completely can be seeded; anything else owes nothing.
    """
    if torrent.progress < 1:
        return None
    rules = [rule for rule in policy.rules if _matches(rule, torrent, trackers)]
    if not rules and policy.private_min_time is not None and _is_private(torrent, trackers) is not False:
        rules = [SeedingRule(min_time=policy.private_min_time)]
    owed = [(rule, text) for rule in rules if (text := _owed(rule, torrent)) is not None]
    if not owed:
        return None
    note = ""
    if torrent.state in _STOPPED:
        note = "; it is stopped, so that this does not grow"
    elif torrent.state == _IDLE and any(rule.min_time is not None for rule, _ in owed):
        note = "; it is idle, so that the time shown may lag"
    return "; ".join(dict.fromkeys(text for _, text in owed)) + note


def needs_trackers(policy: SeedingPolicy) -> bool:
    """Tell whether any obligation depends on what a torrent's list row does not tell reliably."""
    return policy.private_min_time is not None or any(
        rule.tracker is not None or rule.private is not None for rule in policy.rules
    )


def _matches(rule: SeedingRule, torrent: Torrent, trackers: Trackers | None) -> bool:
    if rule.category is not None and torrent.category != rule.category:
        return False
    if rule.tag is not None and rule.tag not in torrent.tags:
        return False
    if rule.private is not None and _is_private(torrent, trackers) is (not rule.private):
        return False
    return rule.tracker is None or _announces_to(rule.tracker, torrent, trackers)


def _is_private(torrent: Torrent, trackers: Trackers | None) -> bool | None:
    return torrent.private if torrent.private is not None else (trackers.private if trackers else None)


def _announces_to(host: str, torrent: Torrent, trackers: Trackers | None) -> bool:
    if trackers is None:
        return True  # nobody knows: it may be this one, too
    working = urlsplit(torrent.tracker).hostname if torrent.tracker else None
    hosts = {*trackers.hosts, *([working] if working else [])}
    wanted = host.lower()
    return any(h.lower() == wanted or h.lower().endswith(f".{wanted}") for h in hosts)


def _owed(rule: SeedingRule, torrent: Torrent) -> str | None:
    parts: list[tuple[bool, str, float | None]] = []
    hours = torrent.seeding_seconds / HOUR
    if rule.min_ratio is not None:
        speed = torrent.ratio / hours if hours and torrent.ratio > 0 else None
        left = (rule.min_ratio - torrent.ratio) / speed if speed else None
        is_met = torrent.ratio < 0 or torrent.ratio >= rule.min_ratio  # qBittorrent writes -1 for "beyond measure"
        parts.append((is_met, f"ratio {max(torrent.ratio, 0):.2f} of {rule.min_ratio:.2f}", left))
    if rule.min_time is not None:
        wanted = rule.min_time.total_seconds() / HOUR
        parts.append((hours >= wanted, f"{_hours(hours)} of {_hours(wanted)}", wanted - hours))
    met = [is_met for is_met, _, _ in parts]
    if not parts or (all(met) if rule.both else any(met)):
        return None
    lefts = [left for is_met, _, left in parts if not is_met]
    known = [left for left in lefts if left is not None]
    estimate = ""
    if known and (len(known) == len(lefts) or not rule.both):
        estimate = f", about {_hours(max(known) if rule.both else min(known))} more"
    return ", ".join(text for _, text, _ in parts) + estimate


def _hours(hours: float) -> str:
    if hours < 1 / 60:
        return f"{max(0, round(hours * HOUR))} s"
    if hours < 1:
        return f"{round(hours * 60)} min"
    return f"{hours:.0f} h"
