"""Asks the service whether it is ready, and says what is wrong if it is not. Run by the pod of `helm test`."""

import sys
import time
import urllib.error
import urllib.request

TRIES, PAUSE_SECONDS, TIMEOUT_SECONDS = 30, 1, 5


def problem_of(address):
    """Return what is wrong, or nothing."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=TIMEOUT_SECONDS) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        said = error.read(2000).decode("utf-8", "replace").strip()
        return f"{address} answers {error.code}: {said}\nIs the database reachable? The log of the service says more."
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        return (
            f"{address} does not answer ({why}).\n"
            "Do the pods run, does the Service have endpoints, does a NetworkPolicy let this pod through?"
        )
    return ""


def main(base, tries=TRIES):
    address = f"{base}/readyz"
    for left in reversed(range(int(tries))):
        problem = problem_of(address)
        if not problem:
            print(f"{address}: ready")
            return 0
        if left:
            time.sleep(PAUSE_SECONDS)
    print(problem)
    return 1


sys.exit(main(*sys.argv[1:]))
