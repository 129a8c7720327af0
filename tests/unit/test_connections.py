"""Our webhook at an upstream, wanted against seen."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from reconciler.connect import wanted_webhooks
from reconciler.connections import MUTED, NOT_SHOWN, Change, Step, compare, in_words, shown, state_of
from reconciler.intake.jellyseerr import parse_jellyseerr
from reconciler.intake.templates import JELLYFIN_TEMPLATE, JELLYSEERR_TEMPLATE, lacking_in_jellyseerr
from reconciler.model import (
    WEBHOOK_NAME,
    InstanceName,
    SecretSeen,
    SeenWebhook,
    UpstreamKind,
    WantedWebhook,
    WebhookState,
)
from reconciler.ports import Heard
from reconciler.simulators.seerr_notifications import NotificationType, issue_notification, request_notification
from reconciler.simulators.seerr_state import SeerrDatabase
from reconciler.simulators.seerr_webhooks import DEFAULT_TEMPLATE, render
from tests.support.clocks import FakeClock
from tests.unit.web.fakes import settings

URL = "http://reconciler:8585/webhooks/radarr"
SECRET = "a-secret-of-this-test"
EVENTS = ("onGrab", "onDownload", "onMovieDelete")

RADARR = WantedWebhook(
    instance=InstanceName("radarr"),
    kind=UpstreamKind.RADARR,
    path="/webhooks/radarr",
    urls=(URL, f"{URL}/radarr"),
    events=EVENTS,
    secret=SECRET,
)
SEERR = replace(
    RADARR,
    instance=InstanceName("jellyseerr"),
    kind=UpstreamKind.JELLYSEERR,
    path="/webhooks/jellyseerr",
    urls=("http://reconciler:8585/webhooks/jellyseerr",),
    template=JELLYSEERR_TEMPLATE,
)
RIGHT = SeenWebhook(
    id=3,
    name=WEBHOOK_NAME,
    url=URL,
    enabled=True,
    events=frozenset(EVENTS),
    offers=frozenset(EVENTS),
    secret=SecretSeen.RIGHT,
)
ELSEWHERE = replace(RIGHT, id=8, url="http://old:8585/webhooks/radarr")
FOREIGN = replace(RIGHT, id=9, name="Another", url="https://chat.example/hook?key=hidden", secret=SecretSeen.WRONG)


def test_what_is_as_it_should_be_needs_nothing() -> None:
    found = compare(RADARR, [FOREIGN, RIGHT])
    assert (found.step, found.seen, found.changes, found.notes) == (Step.NOTHING, RIGHT, (), ())


def test_where_nothing_of_ours_is_one_is_made_and_others_are_left_alone() -> None:
    found = compare(RADARR, [FOREIGN])
    assert (found.step, found.seen) == (Step.CREATE, None)
    assert [str(change) for change in found.changes] == [
        f"address: none; should be {URL}",
        "events: none; should be On Grab, On File Import, On Movie Delete",
        "secret: none; should be the webhook secret",
    ]


@pytest.mark.parametrize(
    ("drift", "change"),
    [
        ({"enabled": False}, Change("state", "off", "on")),
        ({"events": frozenset({"onGrab"})}, Change("events", "without On File Import, On Movie Delete", "with them")),
        ({"events": frozenset({*EVENTS, "onRename"})}, Change("events", "with On Rename", "without them")),
        ({"secret": SecretSeen.WRONG}, Change("secret", "another one", "the webhook secret")),
        ({"secret": SecretSeen.MISSING}, Change("secret", "none", "the webhook secret")),
        ({"is_post": False}, Change("method", "PUT", "POST")),
        ({"has_tags": True}, Change("tags", "only titles with some tags", "all titles")),
        ({"lacks": ("extra",)}, Change("payload", "without extra", "the default")),
    ],
)
def test_everything_that_drifted_is_named_and_repaired(drift: dict[str, object], change: Change) -> None:
    found = compare(RADARR, [replace(RIGHT, **drift)])  # type: ignore[arg-type]  # fields by name
    assert (found.step, found.changes) == (Step.REPAIR, (change,))
    assert SECRET not in str(found)


def test_an_event_that_the_version_does_not_have_is_not_missed() -> None:
    old = replace(RIGHT, offers=frozenset({"onGrab"}), events=frozenset({"onGrab"}))
    assert compare(RADARR, [old]).step is Step.NOTHING


@pytest.mark.parametrize("url", [f"{URL}/", "HTTP://Reconciler:8585/webhooks/radarr", f"{URL}/radarr"])
def test_another_spelling_of_the_address_is_as_good(url: str) -> None:
    assert compare(RADARR, [replace(RIGHT, name="by hand", url=url)]).step is Step.NOTHING


def test_ours_is_known_by_its_address_then_by_its_name() -> None:
    by_hand = replace(RIGHT, id=1, name="by hand")
    assert compare(RADARR, [by_hand, RIGHT]).seen == RIGHT
    assert compare(RADARR, [ELSEWHERE, by_hand]).seen == by_hand


@pytest.mark.parametrize("name", [WEBHOOK_NAME, f"{WEBHOOK_NAME} 2"])
def test_a_webhook_with_our_name_that_leads_elsewhere_is_left_alone_and_ours_made_beside_it(name: str) -> None:
    elsewhere = replace(ELSEWHERE, name=name)
    found = compare(RADARR, [FOREIGN, elsewhere])
    assert (found.step, found.seen) == (Step.CREATE, None)
    (note,) = found.notes
    assert f'"{name}", sends to http://old:8585/webhooks/radarr, and is left alone' in note
    assert "before its public_url changed, name the public_url of before with --moved-from" in note
    assert state_of(RADARR, [FOREIGN, elsewhere]) == WebhookState(
        exists=False,
        problems=(f'"{name}" there sends to http://old:8585/webhooks/radarr, which is not public_url',),
        elsewhere="http://old:8585/webhooks/radarr",
    )
    arriving = state_of(RADARR, [FOREIGN, replace(elsewhere, has_tags=True)], lambda url: url == elsewhere.url)
    assert (arriving.exists, arriving.enabled, arriving.elsewhere) == (True, True, elsewhere.url)
    assert arriving.problems == (
        f"it sends to {elsewhere.url}, which arrives here and is not public_url; if that is right, make it public_url",
        "tags: only titles with some tags; should be all titles",
    )
    assert state_of(replace(RADARR, urls=()), [elsewhere]).exists, "nobody said where we are"


def test_a_secret_that_is_not_shown_is_no_drift_and_said_to_be_unknown() -> None:
    found = compare(RADARR, [replace(RIGHT, secret=SecretSeen.HIDDEN)])
    assert (found.step, found.is_secret_hidden) == (Step.NOTHING, True)
    assert found.notes == (NOT_SHOWN,)
    assert not compare(replace(RADARR, secret=None), [replace(RIGHT, secret=SecretSeen.HIDDEN)]).is_secret_hidden


def test_while_the_secret_is_changed_one_that_is_not_shown_is_written_anew() -> None:
    hidden = replace(RIGHT, secret=SecretSeen.HIDDEN)
    found = compare(replace(RADARR, is_secret_new=True), [hidden])
    assert found.changes == (Change("secret", "not shown, perhaps the previous one", "the webhook secret"),)
    assert (found.is_secret_hidden, found.notes) == (False, ())
    assert state_of(replace(RADARR, is_secret_new=True), [hidden]).problems == ()
    assert {one.is_secret_new for one in wanted_webhooks(settings(previous_webhook_secret="p" * 20))} == {True}


def test_a_webhook_that_is_muted_is_told_and_needs_no_change() -> None:
    muted = replace(RIGHT, is_muted=True)
    found = compare(RADARR, [muted])
    assert (found.step, found.changes, found.notes) == (Step.NOTHING, (), (MUTED,))
    state = state_of(RADARR, [muted])
    assert (state, state.is_sent) == (WebhookState(True, True, muted=True), True)
    assert not compare(RADARR, [RIGHT, replace(FOREIGN, is_muted=True)]).notes


def test_with_several_instances_the_short_address_is_ours_and_is_not_enough() -> None:
    several = replace(RADARR, urls=(f"{URL}/radarr",), former=(URL,))
    found = compare(several, [replace(RIGHT, name="by hand")])
    assert found.changes == (Change("address", URL, f"{URL}/radarr"),)


def test_who_says_where_the_service_was_before_has_that_webhook_changed_and_none_made() -> None:
    configured = settings(public_url="http://new:8585", webhook_secret=SECRET)
    moved = {one.kind: one for one in wanted_webhooks(configured, moved_from="http://old:8585/")}
    for kind in (UpstreamKind.RADARR, UpstreamKind.JELLYSEERR):
        wanted = moved[kind]
        right = replace(RIGHT, url=wanted.url, events=frozenset(wanted.events), offers=frozenset(wanted.events))
        for path in (f"/webhooks/{kind}", f"/webhooks/{kind}/{kind}"):
            old = replace(right, id=8, url=f"http://old:8585{path}")
            found = compare(wanted, [FOREIGN, old] if kind is UpstreamKind.RADARR else [old])
            assert (found.step, found.seen) == (Step.REPAIR, old)
            assert found.changes == (Change("address", old.url, wanted.url),)


def test_of_two_webhooks_of_this_service_the_one_with_the_address_of_now_is_kept() -> None:
    wanted = replace(RADARR, former=(ELSEWHERE.url,))
    found = compare(wanted, [ELSEWHERE, RIGHT])
    assert (found.step, found.seen) == (Step.NOTHING, RIGHT)
    assert "remove it there by hand" in found.notes[0]


def test_another_webhook_to_a_service_like_this_one_is_named_and_left_alone() -> None:
    twin = replace(RIGHT, id=5, name="twin", url="http://10.0.0.2:8585/webhooks/radarr")
    found = compare(RADARR, [RIGHT, twin])
    assert found.step is Step.NOTHING
    assert len(found.notes) == 1
    assert '"twin"' in found.notes[0]


def test_somebody_elses_webhook_in_jellyseerr_is_told_apart_from_ours() -> None:
    foreign = compare(SEERR, [FOREIGN])
    assert (foreign.step, foreign.seen) == (Step.REPLACE, FOREIGN)
    assert foreign.changes[0] == Change("address", "https://chat.example/…", SEERR.url)
    assert "hidden" not in str(foreign.changes)
    moved = compare(SEERR, [replace(RIGHT, name="", url="http://old:8585/webhooks/jellyseerr")])
    assert moved.step is Step.REPLACE
    assert "looks like one of this service under another address" in moved.notes[0]
    assert compare(SEERR, []).step is Step.CREATE


def test_the_status_takes_a_webhook_for_ours_that_somebody_set_up_under_another_name() -> None:
    nowhere = replace(RADARR, urls=())
    by_hand = replace(RIGHT, name="by hand", url="http://10.0.0.2:8585/reconciler/webhooks/radarr/radarr")
    assert state_of(nowhere, [by_hand]) == WebhookState(exists=True, enabled=True)
    assert state_of(nowhere, [FOREIGN]) == WebhookState(exists=False)
    elsewhere = state_of(RADARR, [replace(by_hand, enabled=False, events=frozenset())])
    assert (elsewhere.exists, elsewhere.enabled) == (True, False)
    assert elsewhere.problems[0].startswith("address: http://10.0.0.2:8585/reconciler")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://me:pw@host/x?token=y#z", "https://host/…"),
        ("https://host?token=y", "https://host?…"),
        ("http://host:1/", "http://host:1/"),
        ("http://homeassistant:8123/api/webhook/0123456789", "http://homeassistant:8123/…"),
        ("https://host/webhooks/0123456789", "https://host/…"),
        ("https://host/webhooks/radarr/more/0123456789", "https://host/…"),
        ("https://me:pw@host/base/webhooks/radarr/radarr-4k?x", "https://host/base/webhooks/radarr/radarr-4k?…"),
        ("http://[broken", "an address that cannot be read"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, text: str) -> None:
    assert shown(url) == text


def test_events_are_listed_as_people_tick_them() -> None:
    assert in_words({"onSomethingNew", "onUpgrade", "onGrab"}) == "On Grab, On File Upgrade, onSomethingNew"


# --- what is wanted ---


def test_each_instance_has_an_address_that_tells_it_apart() -> None:
    radarrs = [{"name": name, "url": "http://radarr:7878", "api_key": "k" * 20} for name in ("radarr", "radarr-4k")]
    configured = settings(public_url="http://here/base/", radarr=radarrs)
    wanted = {one.instance: one for one in wanted_webhooks(configured)}
    assert wanted[InstanceName("radarr-4k")].urls == ("http://here/base/webhooks/radarr/radarr-4k",)
    assert wanted[InstanceName("radarr-4k")].former == ("http://here/base/webhooks/radarr",)
    assert wanted[InstanceName("sonarr")].url == "http://here/base/webhooks/sonarr"
    assert wanted[InstanceName("jellyseerr")].urls == ("http://here/base/webhooks/jellyseerr",)
    assert {one.urls for one in wanted_webhooks(settings())} == {()}
    assert wanted_webhooks(configured, "https://else")[0].url.startswith("https://else/webhooks/")


def test_jellyseerr_is_asked_for_issues_only_where_they_order_something() -> None:
    def events(**board: object) -> tuple[str, ...]:
        section = {"url": "http://jellyseerr:5055", "api_key": "k" * 20, **board}
        wanted = wanted_webhooks(settings(jellyseerr=(section,)))
        return next(one.events for one in wanted if one.kind is UpstreamKind.JELLYSEERR)

    assert "ISSUE_CREATED" not in events()
    assert {"ISSUE_CREATED", "ISSUE_COMMENT"} <= set(events(command_phrase="!delete"))
    assert "MEDIA_DECLINED" in events(delete_on=[])


# --- templates ---


def test_the_default_template_is_jellyseerrs_own_and_lacks_nothing() -> None:
    assert json.loads(JELLYSEERR_TEMPLATE) == json.loads(DEFAULT_TEMPLATE)
    assert lacking_in_jellyseerr(JELLYSEERR_TEMPLATE) == ()


def changed(change: Mapping[str, object | None]) -> str:
    """Return the default template with other keys, without those that are `None`."""
    written = json.loads(JELLYSEERR_TEMPLATE) | change
    return json.dumps({key: value for key, value in written.items() if value is not None})


MEDIA = {"media_type": "{{media_type}}", "tmdbId": "{{media_tmdbid}}", "tvdbId": "{{media_tvdbid}}"}
FLAT = {"mediaType": "{{media_type}}", "tmdb_id": "{{media_tmdbid}}", "tvdb_id": "{{media_tvdbid}}"}
PLAIN: list[dict[str, object | None]] = [
    {"{{media}}": None, "media": MEDIA, "{{request}}": None, "request": {"request_id": "{{request_id}}"}},
    {"{{media}}": None, **FLAT, "{{request}}": None, "requestId": "{{request_id}}"},
    {
        "{{issue}}": None,
        "issueId": "{{issue_id}}",
        "{{comment}}": None,
        "comment": {"comment_message": "{{comment_message}}"},
    },
]


@pytest.mark.parametrize("change", PLAIN)
def test_a_template_of_ones_own_is_enough_if_it_is_understood_as_the_default_is(change: dict[str, object]) -> None:
    assert lacking_in_jellyseerr(changed(change)) == ()
    database = SeerrDatabase(FakeClock())
    title = database.know("tv", 603, "Example Show", tvdb_id=99, seasons=(1,))
    media = database.add_media("tv", 603, tvdb_id=99)
    asked = request_notification(NotificationType.MEDIA_DECLINED, database.add_request(media, seasons=(1,)), title)
    issue = database.add_issue(media, "!delete", by=database.owner)
    comment = database.add_comment(issue, "!delete", by=database.owner)
    for note in (
        asked,
        issue_notification(NotificationType.ISSUE_CREATED, issue, title),
        issue_notification(NotificationType.ISSUE_COMMENT, issue, title, comment),
    ):
        by_default, by_own = (
            parse_jellyseerr(
                render(json.loads(template), note), delete_on=frozenset({"MEDIA_DECLINED"}), command_phrase="!delete"
            )
            for template in (JELLYSEERR_TEMPLATE, changed(change))
        )
        assert by_default.heard is Heard.DELETE
        assert [replace(wish, requested_by=None) for wish in by_own.deletions] == [
            replace(wish, requested_by=None) for wish in by_default.deletions
        ]


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({"more": "constant"}, ()),
        ({"notification_type": "MEDIA_DECLINED"}, ("notification_type",)),
        ({"{{extra}}": "anything"}, ()),
        ({"{{extra}}": None, "extra": []}, ("extra",)),
        ({"{{media}}": {"media_type": "{{media_type}}", "tmdbId": "1"}}, ("media.tmdbId", "media.tvdbId")),
        ({"tmdbId": "603"}, ("media.tmdbId",)),
        ({"{{request}}": "none"}, ("request.request_id",)),
    ],
)
def test_a_template_lacks_what_is_needed_here_and_may_have_more(change: dict[str, object], lacking: tuple[str]) -> None:
    assert lacking_in_jellyseerr(changed(change)) == lacking


def test_what_only_commands_need_is_needed_with_a_phrase_only() -> None:
    without = changed(dict.fromkeys(("message", "{{issue}}", "{{comment}}")))
    assert lacking_in_jellyseerr(without, commands=False) == ()
    assert lacking_in_jellyseerr(without) == ("message", "issue.issue_id", "comment.comment_message")


def test_a_template_that_is_no_object_lacks_everything() -> None:
    assert "media.tmdbId" in lacking_in_jellyseerr("{")
    assert lacking_in_jellyseerr("{") == lacking_in_jellyseerr("[]") == lacking_in_jellyseerr("{}")


def test_the_template_for_jellyfin_names_its_variables() -> None:
    assert json.loads(JELLYFIN_TEMPLATE)["Provider_tmdb"] == "{{Provider_tmdb}}"
