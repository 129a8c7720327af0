"""The Seerr client against the simulated Seerr, over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from reconciler.clients import seerr
from reconciler.errors import Rejected, Unauthorized, Unintelligible, Unreachable
from reconciler.model import InstanceName, Media, MediaKind
from reconciler.observed import AppInfo, Issue, IssueComment, MediaStatus, RequestServer, RequestStatus
from reconciler.ports import RequestClient
from reconciler.simulators.seerr import SeerrSimulator
from reconciler.simulators.seerr_servers import Server
from reconciler.simulators.seerr_state import MediaRow
from reconciler.simulators.server import serve

NAME = InstanceName("jellyseerr")
KEY = "a-key-for-tests"
IMPATIENT = seerr.Timeouts(call=timedelta(seconds=0.2), listing=timedelta(seconds=0.2))


@dataclass
class Setup:
    simulator: SeerrSimulator
    url: str
    client: RequestClient

    def fill(self, count: int) -> list[MediaRow]:
        """Insert movies with one request each."""
        rows = [self.simulator.database.add_media("movie", number) for number in range(1, count + 1)]
        for row in rows:
            self.simulator.database.add_request(row)
        return rows


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    simulator = SeerrSimulator(KEY)
    async with serve(simulator.app) as url:
        client = seerr.connect(NAME, url, KEY)
        yield Setup(simulator, url, client)
        await client.aclose()


async def test_identify_names_the_version(setup: Setup) -> None:
    assert await setup.client.identify() == AppInfo("Seerr", "3.1.0")


async def test_a_wrong_key_is_unauthorized(setup: Setup) -> None:
    client = seerr.connect(NAME, setup.url, "wrong")
    with pytest.raises(Unauthorized):
        await client.identify()
    with pytest.raises(Unauthorized):
        await client.records()
    await client.aclose()


async def test_a_missing_key_is_unauthorized(setup: Setup) -> None:
    client = seerr.connect(NAME, setup.url, "")
    with pytest.raises(Unauthorized):
        await client.identify()
    await client.aclose()


async def test_250_rows_are_read_over_three_pages(setup: Setup) -> None:
    setup.fill(250)
    records, requests = await setup.client.records(), await setup.client.requests()
    assert [record.id for record in records] == list(range(1, 251))
    assert [request.id for request in requests] == list(range(1, 251))
    assert len([call for call in setup.simulator.calls if "/media?" in call]) == 3
    assert len([call for call in setup.simulator.calls if "/request?" in call]) == 3


async def test_nothing_there_is_an_empty_list(setup: Setup) -> None:
    assert await setup.client.records() == ()
    assert await setup.client.requests() == ()


@pytest.mark.parametrize("path", ["/api/v1/media", "/api/v1/request"])
async def test_a_list_that_changes_once_while_it_is_read_is_read_again(setup: Setup, path: str) -> None:
    rows = setup.fill(250)
    seen: list[str] = []

    def lose_a_row_before_the_second_page(_method: str, asked: str) -> None:
        seen.append(asked)
        if asked == path and seen.count(path) == 2:
            setup.simulator.database.delete_media(rows[249])

    setup.simulator.before = lose_a_row_before_the_second_page
    found = await setup.client.records() if path.endswith("media") else await setup.client.requests()
    assert [row.id for row in found] == list(range(1, 250))


async def test_a_list_that_never_stands_still_is_not_an_observation(setup: Setup) -> None:
    rows = setup.fill(250)

    def lose_a_row(_method: str, _path: str) -> None:
        setup.simulator.database.delete_media(rows.pop())

    setup.simulator.before = lose_a_row
    with pytest.raises(Unintelligible, match="changed while it was read"):
        await setup.client.records()


async def test_a_row_lost_and_one_won_between_pages_are_noticed(setup: Setup) -> None:
    rows = setup.fill(250)
    pages = 0

    def swap(_method: str, _path: str) -> None:
        nonlocal pages
        pages += 1
        if pages == 2:
            setup.simulator.database.delete_media(rows[249])
        if pages == 3:
            setup.simulator.database.add_media("movie", 9999)

    setup.simulator.before = swap
    records = await setup.client.records()
    assert {record.media.tmdb_id for record in records} == {*range(1, 250), 9999}


async def test_records_say_what_is_there_per_variant(setup: Setup) -> None:
    media = setup.simulator.database.add_media(
        "tv", 1000, tvdb_id=2000, status=MediaStatus.AVAILABLE, status_4k=MediaStatus.DELETED
    )
    (record,) = await setup.client.records()
    assert record.id == media.id
    assert record.media == Media(MediaKind.SERIES, 1000, 2000)
    assert (record.status, record.status_4k) == (MediaStatus.AVAILABLE, MediaStatus.DELETED)


async def test_requests_of_every_status_are_listed(setup: Setup) -> None:
    media = setup.simulator.database.add_media("tv", 1000, status=MediaStatus.DELETED)
    for status in RequestStatus:
        setup.simulator.database.add_request(media, status=status, seasons=(1, 2), is_4k=status is RequestStatus.FAILED)
    requests = await setup.client.requests()
    assert [request.status for request in requests] == list(RequestStatus)
    assert [request.is_4k for request in requests] == [False, False, False, True, False]
    assert {request.seasons for request in requests} == {(1, 2)}
    assert {request.requested_by for request in requests} == {"owner"}


async def test_one_request_is_read_as_in_the_list(setup: Setup) -> None:
    setup.fill(1)
    (listed,) = await setup.client.requests()
    assert await setup.client.request(listed.id) == listed
    assert await setup.client.request(404) is None


async def test_a_request_says_which_server_it_is_sent_to(setup: Setup) -> None:
    media = setup.simulator.database.add_media("movie", 603)
    for server in (None, 0, 2):
        setup.simulator.database.add_request(media, server_id=server)
    assert [request.server_id for request in await setup.client.requests()] == [None, 0, 2]


async def test_the_servers_of_the_settings_are_known_by_address_and_quality(setup: Setup) -> None:
    setup.simulator.add_server(Server(0, "radarr", "http://Radarr:7878", "key"))
    setup.simulator.add_server(Server(1, "radarr", "http://radarr/4k/", "key", is_4k=True))
    setup.simulator.add_server(Server(0, "sonarr", "http://sonarr:8989", "key", is_default=False))
    assert await setup.client.servers() == (
        RequestServer(MediaKind.MOVIE, 0, is_4k=False, is_default=True, host="radarr", port=7878),
        RequestServer(MediaKind.MOVIE, 1, is_4k=True, is_default=True, host="radarr", port=80, url_base="4k"),
        RequestServer(MediaKind.SERIES, 0, is_4k=False, is_default=False, host="sonarr", port=8989),
    )


async def test_an_issue_shows_who_wrote_what_with_which_permissions(setup: Setup) -> None:
    database = setup.simulator.database
    ann = database.add_user("ann", permissions=16)
    issue = database.add_issue(database.add_media("tv", 1000, tvdb_id=2000), "It stutters", by=ann, season=2)
    database.add_comment(issue, "!delete")
    database.add_comment(issue, "me too").user = None
    assert await setup.client.issue(issue.id) == Issue(
        id=issue.id,
        media=Media(MediaKind.SERIES, 1000, 2000),
        comments=(
            IssueComment(1, "It stutters", 16),
            IssueComment(2, "!delete", 2),
            IssueComment(3, "me too", 0),
        ),
        season=2,
    )
    assert await setup.client.issue(99) is None
    setup.simulator.service.database_locked = True
    assert await setup.client.issue(issue.id) is None


async def test_an_issue_about_all_seasons_names_none(setup: Setup) -> None:
    database = setup.simulator.database
    for media in (database.add_media("tv", 1000, tvdb_id=2000), database.add_media("movie", 603)):
        issue = await setup.client.issue(database.add_issue(media, "!delete").id)
        assert issue is not None
        assert issue.season is None


async def test_a_deleted_request_is_gone_and_its_record_stays(setup: Setup) -> None:
    setup.fill(2)
    await setup.client.delete_request(1)
    assert [request.id for request in await setup.client.requests()] == [2]
    assert [record.id for record in await setup.client.records()] == [1, 2]


async def test_a_deleted_record_takes_its_requests_with_it(setup: Setup) -> None:
    setup.fill(2)
    await setup.client.delete_record(1)
    assert [record.id for record in await setup.client.records()] == [2]
    assert [request.id for request in await setup.client.requests()] == [2]


async def test_deletes_can_be_repeated(setup: Setup) -> None:
    setup.fill(1)
    for _time in range(2):
        await setup.client.delete_request(1)
    for _time in range(2):
        await setup.client.delete_record(1)
    assert await setup.client.records() == ()


async def test_a_404_answered_out_of_trouble_is_told_from_absence_by_the_list_only(setup: Setup) -> None:
    setup.fill(1)
    setup.simulator.service.database_locked = True
    await setup.client.delete_record(1)
    await setup.client.delete_request(1)
    assert await setup.client.request(1) is None
    with pytest.raises(Unreachable, match="locked"):
        await setup.client.records()
    setup.simulator.service.database_locked = False
    assert [record.id for record in await setup.client.records()] == [1]
    assert [request.id for request in await setup.client.requests()] == [1]


async def test_a_blocklisted_record_is_kept_although_its_delete_is_answered_well(setup: Setup) -> None:
    setup.simulator.database.add_media("movie", 603, status=MediaStatus.BLOCKLISTED)
    await setup.client.delete_record(1)
    (record,) = await setup.client.records()
    assert record.status is MediaStatus.BLOCKLISTED


async def test_one_variant_is_reset_and_the_other_is_left(setup: Setup) -> None:
    setup.simulator.database.add_media("movie", 603, status=MediaStatus.AVAILABLE, status_4k=MediaStatus.AVAILABLE)
    await setup.client.reset_variant(1, is_4k=True)
    (record,) = await setup.client.records()
    assert (record.status, record.status_4k) == (MediaStatus.AVAILABLE, MediaStatus.UNKNOWN)


async def test_the_tvdb_id_of_a_series_is_asked_of_tmdb(setup: Setup) -> None:
    setup.simulator.database.know("tv", 1000, "Example Show", tvdb_id=2000)
    setup.simulator.database.know("tv", 1001, "Unknown To TVDB")
    assert await setup.client.tvdb_id(1000) == 2000
    assert await setup.client.tvdb_id(1001) is None


async def test_tmdb_trouble_is_unreachable_and_not_an_answer(setup: Setup) -> None:
    setup.simulator.service.tmdb_up = False
    with pytest.raises(Unreachable, match="TMDB"):
        await setup.client.tvdb_id(1000)


async def test_a_seerr_that_hangs_is_unreachable_after_the_timeout(setup: Setup) -> None:
    client = seerr.connect(NAME, setup.url, KEY, timeouts=IMPATIENT)
    setup.simulator.faults.hang = True
    with pytest.raises(Unreachable, match="in time"):
        await client.records()
    with pytest.raises(Unreachable, match="in time"):
        await client.delete_record(1)
    setup.simulator.faults.heal()
    assert await client.records() == ()
    await client.aclose()


async def test_a_server_error_is_unreachable_and_heals(setup: Setup) -> None:
    setup.fill(1)
    setup.simulator.faults.fail_next(1, 500)
    with pytest.raises(Unreachable):
        await setup.client.records()
    assert len(await setup.client.records()) == 1


async def test_a_login_page_is_unintelligible(setup: Setup) -> None:
    setup.simulator.faults.html = True
    with pytest.raises(Unintelligible, match="web page"):
        await setup.client.records()


async def test_half_an_answer_is_no_short_list(setup: Setup) -> None:
    setup.fill(3)
    setup.simulator.faults.half_body = True
    with pytest.raises(Unreachable, match="broke off"):
        await setup.client.records()


async def test_a_seerr_that_is_not_there_is_unreachable() -> None:
    async with serve(SeerrSimulator(KEY).app) as url:
        gone = url
    client = seerr.connect(NAME, gone, KEY)
    with pytest.raises(Unreachable):
        await client.identify()
    await client.aclose()


async def test_a_key_whose_owner_may_not_manage_requests_is_an_obstacle(setup: Setup) -> None:
    assert await setup.client.obstacle() == ""
    setup.simulator.database.owner = replace(setup.simulator.database.owner, permissions=32)
    setup.simulator.database.users[1] = setup.simulator.database.owner
    assert "may not manage requests" in await setup.client.obstacle()


async def test_a_seerr_whose_csrf_protection_keeps_programs_out_says_what_to_turn_off(setup: Setup) -> None:
    (row,) = setup.fill(1)
    setup.simulator.service.csrf_protection = True
    words = "takes no changes from programs: turn off CSRF protection there (Settings → Network)"
    for change in (
        setup.client.delete_request(1),
        setup.client.delete_record(row.id),
        setup.client.reset_variant(row.id, is_4k=False),
    ):
        with pytest.raises(Rejected) as refusal:
            await change
        assert (refusal.value.message, refusal.value.status) == (words, 403)
    assert await setup.client.obstacle() == f"it {words}"
    assert len(await setup.client.records()) == 1
