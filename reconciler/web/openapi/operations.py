"""The table of what programs may ask for: each address and method with all that can go in and come out.

`document.py` makes the OpenAPI document of it. A test holds it against the routes, and against every answer that any
other test is given.
"""

from collections.abc import Mapping

from pydantic import BaseModel

from reconciler.web.openapi import examples
from reconciler.web.openapi.operation import JSON, Answer, Body, Needs, Operation, Parameter, Tag
from reconciler.web.queries import ApproveQuery, AskQuery, DeletionQuery, ReceiptQuery, ReleaseQuery
from reconciler.web.receipts import ReceiptDetailOut, ReceiptPageOut
from reconciler.web.schemas import (
    AcceptedListOut,
    DecisionOut,
    DeletionDetailOut,
    DeletionPageOut,
    HeardOut,
    LiveOut,
    PlanListOut,
    PlanOut,
    ReadyOut,
    ReleasedOut,
    StatusOut,
)
from reconciler.web.senders_heard import SendersOut
from reconciler.web.widget import WidgetOut
from reconciler.web.wishes import AttributionIn, MovieWishIn, SeasonsWishIn, SeriesWishIn, WishesIn

_ID = Parameter("id", "path", {"type": "string", "format": "uuid"}, "The deletion's id.", required=True)
_NUMBER = Parameter(
    "number", "path", {"type": "string", "pattern": "^[0-9]{1,18}$"}, "The receipt's number.", required=True
)
_INSTANCE = Parameter(
    "instance", "path", {"type": "string", "minLength": 1}, "The instance's configured name.", required=True
)
_KEY_SCHEMA = {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"}
_KEYS = (
    Parameter(
        "Idempotency-Key", "header", _KEY_SCHEMA, "A name for this wish: sent again with the same body within 7 days, "
        "it is answered as before and does nothing. `webhook-id` is taken, too.",
    ),
)  # fmt: skip
_EVENT_NUMBER = {"type": "string", "pattern": "^[0-9]{0,18}$"}
_READ_BODY = frozenset({"not-json", "broken-off", "too-slow"})
_READ_JSON = _READ_BODY | {"too-large", "unsupported-type", "unsupported-encoding"}
_WISH = _READ_JSON | {"bad-idempotency-key", "invalid", "key-reused", "conflict"}
_WISHES = (MovieWishIn, SeriesWishIn, SeasonsWishIn, WishesIn)
_ACCEPTED = Answer("Written to the deletion log, before this was answered.", (AcceptedListOut,))
_HEARD = {
    200: Answer("It was a test: nothing is stored.", (HeardOut,)),
    202: Answer("Committed. `heard` says what was understood.", (HeardOut,)),
}


def _decision(
    name: str, summary: str, description: str, *problems: str, query: type[BaseModel] | None = None
) -> Operation:
    return Operation(
        "POST",
        f"/deletions/{{id}}/{name}",
        f"{name}Deletion",
        Tag.DECISIONS,
        summary,
        {200: Answer("Written down; a pass looks at it at once.", (DecisionOut,))},
        needs=Needs.WRITE,
        description=description,
        query=query,
        parameters=(_ID,),
        problems=frozenset({"unknown-deletion", *problems}),
    )


def _arr(kind: str, body: Mapping[str, object], *, method: str, of_instance: bool) -> Operation:
    name = kind.capitalize()
    return Operation(
        method,
        f"/webhooks/{kind}" + ("/{instance}" if of_instance else ""),
        f"{kind}{'Instance' if of_instance else ''}Webhook{'Put' if method == 'PUT' else ''}",
        Tag.WEBHOOKS,
        f"Take a webhook of {name}" + (" from one instance" if of_instance else ""),
        _HEARD,
        needs=Needs.WEBHOOK,
        description=f"Connect → Webhook in {name}. Which instance sent it is told by the address, or by the only one "
        "configured, or by `instanceName`. Bodies of more than 16 MiB are taken and not read; the histories are.",
        parameters=(_INSTANCE,) if of_instance else (),
        body=Body(body, f"{name}'s own payload; the content type does not matter."),
        problems=_READ_BODY | ({"unknown-instance"} if of_instance else set()),
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/deletions",
        "listDeletions",
        Tag.DELETIONS,
        "List deletions, the newest first",
        {200: Answer("One page; `next_cursor` leads to the next.", (DeletionPageOut,))},
        description="What is given must hold together. A parameter that is unknown or cannot be applied is refused.",
        query=DeletionQuery,
        problems=frozenset({"invalid"}),
    ),
    Operation(
        "POST",
        "/deletions",
        "askForDeletions",
        Tag.DELETIONS,
        "Ask for deletions, or only look at what they would do",
        {200: Answer("What it would come to; nothing was written.", (PlanListOut,)), 202: _ACCEPTED},
        needs=Needs.WRITE_UNLESS_DRY,
        description="All of it is taken, or nothing. At most 64 KiB. With `dry_run=true` the upstreams are looked at "
        "and nothing is written; that takes the read token, too.",
        query=AskQuery,
        parameters=_KEYS,
        body=Body(examples.WISHES, "One wish, or up to 500.", _WISHES),
        problems=_WISH | {"upstream"},
    ),
    Operation(
        "GET",
        "/deletions/{id}",
        "getDeletion",
        Tag.DELETIONS,
        "Show everything about a deletion",
        {200: Answer("With what was bound, the evidence and the timeline.", (DeletionDetailOut,))},
        parameters=(_ID,),
        problems=frozenset({"unknown-deletion"}),
    ),
    Operation(
        "GET",
        "/deletions/{id}/plan",
        "planDeletion",
        Tag.DELETIONS,
        "Look at the upstreams, and show everything that would be done",
        {200: Answer("All steps to the end, as seen now. Nothing was sent but reads.", (PlanOut,))},
        parameters=(_ID,),
        problems=frozenset({"unknown-deletion", "upstream"}),
    ),
    Operation(
        "GET",
        "/deletions/{id}/receipt",
        "getReceiptOfDeletion",
        Tag.DELETIONS,
        "Show what a deletion came from",
        {200: Answer("What arrived and how it was understood.", (ReceiptDetailOut,))},
        parameters=(_ID,),
        problems=frozenset({"unknown-deletion", "unknown-receipt"}),
    ),
    _decision(
        "approve",
        "Lift every reason that an approval can lift",
        "`lifted` names them.",
        "nothing-to-approve",
        "not-as-shown",
        "invalid",
        query=ApproveQuery,
    ),
    Operation(
        "POST",
        "/deletions/{id}/attribute",
        "attributeTorrents",
        Tag.DECISIONS,
        "Say which torrents belong to a deletion",
        {200: Answer("Written down. `unlisted` names those that no qBittorrent lists.", (DecisionOut,))},
        needs=Needs.WRITE,
        description="The deletion is held if the ledger gives one of them to something else.",
        parameters=(_ID,),
        body=Body(examples.HASHES, "One or more info hashes. At most 64 KiB.", (AttributionIn,)),
        problems=_READ_JSON | {"invalid", "unknown-deletion", "settled"},
    ),
    _decision(
        "cancel",
        "End a deletion",
        "What was unmonitored is monitored again; what is gone stays gone.",
        "settled",
    ),
    _decision("retry", "Try again at once", "Also what upstreams refused is asked for again.", "settled"),
    Operation(
        "POST",
        "/breaker/release",
        "releaseBreaker",
        Tag.DECISIONS,
        "Let go on all that the breaker holds",
        {200: Answer("Which these are. Nothing else was lifted.", (ReleasedOut,))},
        needs=Needs.WRITE,
        query=ReleaseQuery,
        problems=frozenset({"not-as-shown", "invalid"}),
    ),
    Operation(
        "GET",
        "/status",
        "getStatus",
        Tag.STATUS,
        "Show how things stand",
        {
            200: Answer(
                "The verdict, counts, upstreams and what was done.",
                (StatusOut,),
                headers={
                    "ETag": "Names what this says, without `now`.",
                },
            ),
            304: Answer("Nothing has changed since `If-None-Match` but the time.", headers={"ETag": "As it was."}),
        },
        parameters=(Parameter("If-None-Match", "header", {"type": "string"}, "An `ETag` of before, or several."),),
    ),
    Operation(
        "GET",
        "/widget",
        "getWidget",
        Tag.STATUS,
        "Show how things stand in one flat object, without titles",
        {200: Answer("For Homepage, Homarr and the like.", (WidgetOut,))},
    ),
    Operation(
        "GET",
        "/events",
        "followEvents",
        Tag.STATUS,
        "Follow the timelines of all deletions",
        {
            200: Answer(
                "Server-sent events named `timeline`; `data` is JSON with `deletion`, `url`, `kind`, `message` and "
                "`at`. It goes on until it is closed; a comment is sent when nothing happens.",
                media_type="text/event-stream",
            )
        },
        parameters=(
            Parameter("Last-Event-ID", "header", _EVENT_NUMBER, "The last event that was seen: begin with the next."),
            Parameter("after", "query", _EVENT_NUMBER, "The same, for who cannot send that header."),
        ),
        problems=frozenset({"invalid", "too-many-streams"}),
    ),
    Operation(
        "GET",
        "/webhooks",
        "listSenders",
        Tag.WEBHOOKS,
        "Show how each sender of webhooks is set up, and when it was heard from",
        {200: Answer("Every sender that could be set up. No secret is in it.", (SendersOut,))},
    ),
    Operation(
        "GET",
        "/receipts",
        "listReceipts",
        Tag.WEBHOOKS,
        "List what arrived, the newest first",
        {200: Answer("One page; `next_cursor` leads to the next.", (ReceiptPageOut,))},
        query=ReceiptQuery,
        problems=frozenset({"invalid"}),
    ),
    Operation(
        "GET",
        "/receipts/{number}",
        "getReceipt",
        Tag.WEBHOOKS,
        "Show what arrived, without secrets",
        {200: Answer("With the body, as far as it is kept.", (ReceiptDetailOut,))},
        parameters=(_NUMBER,),
        problems=frozenset({"unknown-receipt"}),
    ),
    Operation(
        "POST",
        "/webhooks/dashboard",
        "dashboardWebhook",
        Tag.WEBHOOKS,
        "Take wishes of a dashboard",
        {202: _ACCEPTED},
        needs=Needs.WEBHOOK,
        description="As `POST /deletions`, with the webhook secret and without a dry run.",
        parameters=_KEYS,
        body=Body(examples.WISHES, "One wish, or up to 500. At most 64 KiB.", _WISHES),
        problems=_WISH,
    ),
    Operation(
        "POST",
        "/webhooks/jellyseerr",
        "jellyseerrWebhook",
        Tag.WEBHOOKS,
        "Take a webhook of Jellyseerr, Seerr or Overseerr",
        _HEARD,
        needs=Needs.WEBHOOK,
        body=Body(examples.JELLYSEERR, "What the template renders to. At most 1 MiB."),
        problems=_READ_JSON,
    ),
    Operation(
        "POST",
        "/webhooks/jellyfin",
        "jellyfinWebhook",
        Tag.WEBHOOKS,
        "Take a webhook of Jellyfin",
        _HEARD,
        needs=Needs.WEBHOOK,
        description="Sent by Jellyfin's webhook plugin for items that were deleted.",
        body=Body(
            examples.JELLYFIN,
            "What the template renders to. At most 1 MiB; the content type does not matter.",
        ),
        problems=_READ_BODY | {"too-large", "unsupported-encoding"},
    ),
    *(
        _arr(kind, body, method=method, of_instance=of_instance)
        for kind, body in (("radarr", examples.RADARR), ("sonarr", examples.SONARR))
        for of_instance in (False, True)
        for method in ("POST", "PUT")
    ),
    Operation(
        "GET",
        "/livez",
        "isAlive",
        Tag.PROBES,
        "Tell whether the process answers",
        {200: Answer("It does. Nothing was looked at for this.", (LiveOut,))},
        needs=Needs.NOTHING,
        asks_store=False,
    ),
    Operation(
        "GET",
        "/readyz",
        "isReady",
        Tag.PROBES,
        "Tell whether the database is there and right",
        {200: Answer("It is. Upstreams are never asked for this.", (ReadyOut,))},
        needs=Needs.NOTHING,
        problems=frozenset({"not-ready"}),
    ),
    Operation(
        "GET",
        "/metrics",
        "getMetrics",
        Tag.PROBES,
        "Show the metrics",
        {200: Answer("In the text format of Prometheus.", media_type="text/plain")},
        needs=Needs.NOTHING,
        asks_store=False,
    ),
    Operation(
        "GET",
        "/openapi.json",
        "getOpenApi",
        Tag.DOCUMENTATION,
        "Show this document",
        {200: Answer("OpenAPI 3.1.", media_type=JSON)},
        needs=Needs.NOTHING,
        asks_store=False,
    ),
    Operation(
        "GET",
        "/docs",
        "getDocs",
        Tag.DOCUMENTATION,
        "Show this document for people",
        {200: Answer("A page that needs nothing from elsewhere.", media_type="text/html")},
        needs=Needs.NOTHING,
        asks_store=False,
    ),
)
