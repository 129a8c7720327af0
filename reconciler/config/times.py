"""Times that come round: five fields of a crontab and the time zone they are read in."""

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
_WEEKDAYS = re.compile(rf"\*|{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*", re.IGNORECASE)
_FIELDS = 5
_ANY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


def zone_of(name: str) -> tzinfo:
    """Return the time zone of that name; raises `ValueError`. UTC needs no zone files on this machine."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, OSError) as error:
        raise ValueError("no time zone of this machine") from error


def trigger_of(cron: str, zone: tzinfo) -> CronTrigger:
    """Return what finds the times of five crontab fields; raises `ValueError`.

    Two things that programs read differently are refused, because a window that opens on another day than was meant
    protects nothing. Days of the week as numbers: 0 is Sunday to cron and Monday to APScheduler. And a day of the month
    with a day of the week: cron wants one of them to match, APScheduler both.
    """
    fields = cron.split()
    if len(fields) != _FIELDS:
        raise ValueError("not five fields")
    day, weekday = fields[2], fields[4]
    if not _WEEKDAYS.fullmatch(weekday) or (day != "*" and weekday != "*"):
        raise ValueError("read differently by different programs")
    trigger = CronTrigger.from_crontab(cron, zone)
    if trigger.get_next_fire_time(None, _ANY_MOMENT) is None:
        raise ValueError("a day that never comes")
    return trigger


def a_cron(value: str) -> str:
    """Return five crontab fields as they are; raises `ValueError` if they name no times."""
    trigger_of(value, UTC)
    return " ".join(value.split())


def a_timezone(value: str) -> str:
    """Return the name of a time zone as it is; raises `ValueError` for any other text."""
    zone_of(value)
    return value
