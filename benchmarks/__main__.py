"""`python -m benchmarks [NAME …]` runs the benchmarks; each prints ratios measured within its own run, or sizes."""

import asyncio
import sys
from collections.abc import Callable, Mapping

from benchmarks import ingest, planning, sizing

ALL: Mapping[str, Callable[[], None]] = {
    "ingest": lambda: asyncio.run(ingest.main(1000)),
    "planning": planning.main,
    "sizing": lambda: asyncio.run(sizing.main(1000)),
}


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(ALL))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    for name in names or ALL:
        ALL[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
