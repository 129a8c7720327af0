"""Values as people read them, in a terminal, on a page or in a message."""

from datetime import timedelta

LONGEST = 200
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_SECONDS = (("day", 86_400), ("hour", 3600), ("minute", 60))


def plain(value: object, most: int = LONGEST) -> str:
    """Return `value` as one line without anything that would be obeyed (escapes, line breaks, text direction).

    What is longer than `most` characters is cut; nothing at all is a dash.
    """
    text = "–" if value is None or value == "" else str(value)[: most + 1]
    line = "".join(c if is_plain(c) else "\ufffd" for c in text)
    return line if len(line) <= most else line[: most - 1] + "…"


def is_plain(character: str) -> bool:
    """Tell whether a character is only shown: no escape, no line break, no text direction."""
    return character.isprintable() and character not in BIDI_CONTROLS


def size_in_words(size: int) -> str:
    """Return a number of bytes with the unit that keeps it short."""
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in _UNITS:
        value /= 1024
        if value < 1024 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"


def duration_in_words(time: timedelta) -> str:
    """Return how long something took or is ago, roughly: two units where the first alone would be too rough."""
    seconds = max(0.0, time.total_seconds())
    if seconds < 60:
        is_exact = seconds >= 9.95 or seconds == int(seconds)
        return _counted(round(seconds), "second") if is_exact else f"{seconds:.1f} seconds"
    left = round(seconds)
    for position, (name, length) in enumerate(_SECONDS):
        if left < length:
            continue
        count, rest = divmod(left, length)
        smaller = _SECONDS[position + 1 : position + 2] if count < 3 else ()
        also = [_counted(rest // size, unit) for unit, size in smaller if rest >= size]
        return " ".join([_counted(count, name), *also])
    return _counted(left, "second")


def duration_in_short(time: timedelta) -> str:
    """Return how long something has lasted for a narrow column: its two largest units, or fewer, abbreviated."""
    seconds = max(0, int(time.total_seconds()))
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
