"""Info hashes in explicit wishes. They narrow what is deleted or bind it, so one that is none is refused."""

from collections.abc import Callable, Iterable

from reconciler.model import InfoHash, parse_info_hash


def read_hashes(candidates: Iterable[tuple[str, object]], wrong: Callable[[str, str], None]) -> tuple[InfoHash, ...]:
    """Return the hashes among (field, value) pairs, each once; `wrong` is told field and message of what is none."""
    found: dict[InfoHash, None] = {}
    for field, value in candidates:
        parsed = parse_info_hash(value)
        if parsed is None:
            wrong(field, "must be an info hash: 40 or 64 hexadecimal digits")
        else:
            found[parsed] = None
    return tuple(found)
