"""Every problem that an answer can be, with its status and when it comes up."""

from pydantic import BaseModel

from reconciler.web.schemas import AcceptedOut

KNOWN_PROBLEMS: dict[str, tuple[int, str]] = {
    "not-json": (400, "The body is not JSON of finite numbers and bearable depth, or says a key twice."),
    "broken-off": (400, "The body was cut off."),
    "bad-idempotency-key": (400, "The idempotency key cannot be used."),
    "unauthorized": (401, "The secret is missing or wrong."),
    "insufficient-scope": (403, "The token may only read."),
    "foreign-origin": (403, "Another web site asks."),
    "foreign-host": (403, "Without a configured secret, names with a dot are not served."),
    "not-found": (404, "There is nothing at this address."),
    "unknown-deletion": (404, "No deletion has this id."),
    "unknown-instance": (404, "A test came to the address of an instance that is not configured."),
    "unknown-receipt": (404, "No receipt has this number, or it is not kept any more."),
    "too-slow": (408, "The body took too long."),
    "conflict": (409, "The same is under way with other options; `deletions` names it."),
    "nothing-to-approve": (409, "Nothing here waits for an approval."),
    "not-as-shown": (409, "What the person was shown is not how things are by now; nothing was changed."),
    "settled": (409, "The deletion has ended."),
    "too-large": (413, "The body is over the limit."),
    "unsupported-type": (415, "The body is not declared as JSON."),
    "unsupported-encoding": (415, "The body is compressed."),
    "invalid": (422, "Something cannot be used; `errors` names each field or parameter."),
    "key-reused": (422, "The idempotency key came with another body before."),
    "unexpected": (500, "Something went wrong here; the log says what."),
    "upstream": (502, "An upstream that has to be looked at could not be."),
    "store-unavailable": (503, "The database does not answer; nothing was changed."),
    "not-ready": (503, "The database does not answer, or its schema is not the right one."),
    "too-many-streams": (503, "Too many clients listen to this process."),
}

OF_PAGES = frozenset({"foreign-form", "method-not-allowed"})
"""What only forms meet, or nobody who keeps to what is described here."""


class FieldErrorOut(BaseModel):
    """One thing that is wrong with one field; `field` is its path, such as `deletions[0].tmdb_id`."""

    field: str
    message: str


class ProblemOut(BaseModel):
    """Why something was not done (RFC 9457). `type` is stable and for programs, `detail` is for people.

    `errors` are there when fields are wrong, `deletions` when the same deletion is under way with other options, and
    `request_id` when the log says more.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldErrorOut] = []
    request_id: str = ""
    deletions: list[AcceptedOut] = []
