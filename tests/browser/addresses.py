"""Every page there is, by the name that a failing test shows. A new page needs one more line here."""

from collections.abc import Mapping

PAGES: Mapping[str, str] = {
    "status": "/",
    "deletions": "/deletions",
    "no deletion found": "/deletions?q=nothing-is-called-that",
    "a deletion that is gone": "/deletions/{gone}",
    "a held deletion": "/deletions/{protected}",
    "a waiting deletion": "/deletions/{waiting}",
    "a plan": "/deletions/{protected}/plan",
    "needs you": "/needs-you",
    "let all go on": "/needs-you/breaker",
    "approve": "/deletions/{protected}/confirm/approve",
    "webhooks": "/webhooks",
    "the API": "/docs",
}
"""For somebody who has signed in; the names in braces are those of `shelf.Shown`."""

OPEN: Mapping[str, str] = {"sign in": "/sign-in"}
"""For somebody who has not."""

ERRORS: Mapping[str, str] = {
    "nothing there": "/nowhere",
    "no such deletion": "/deletions/01890000-0000-7000-8000-00000000ffff",
    "too late to decide": "/deletions/{gone}/confirm/approve",
}
"""What is answered with an error."""
