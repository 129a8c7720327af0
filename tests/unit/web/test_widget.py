"""The flat JSON for dashboards."""

import json
import re
from dataclasses import replace
from pathlib import Path

import yaml

from reconciler.model import InstanceName, Phase, UpstreamKind
from reconciler.ports import Freed, Overview, PassRecord, UpstreamHealth
from reconciler.reasons import Reason
from reconciler.web.widget import WidgetOut
from tests.unit.web.fakes import NOW, World, condition, movie


async def test_a_dashboard_gets_flat_values_and_no_titles(world: World) -> None:
    world.store.add(replace(movie(title="A Film"), conditions=(condition(Reason.PROTECTED),)))
    world.store.shown = Overview(
        by_phase={Phase.HELD: 1, Phase.WAITING: 2, Phase.CONVERGED: 40},
        asking=1,
        oldest_unsettled_at=NOW,
        upstreams=(
            UpstreamHealth(InstanceName("radarr"), UpstreamKind.RADARR, True, NOW),
            UpstreamHealth(InstanceName("sonarr"), UpstreamKind.SONARR, False, NOW),
            UpstreamHealth(InstanceName("one-of-before"), UpstreamKind.RADARR, False, NOW),
        ),
        last_pass=PassRecord(NOW, NOW, 1, 1, 1),
        freed=Freed(3 * 2**40, 5 * 2**29),
    )
    async with world.person() as client:
        shown = (await client.get("/widget")).json()
    now = "2026-03-04T05:06:07Z"
    assert {key: value for key, value in shown.items() if key != "version"} == {
        "verdict": "2 need you; cannot reach sonarr; 2 waiting",
        "ok": False,
        "mode": "enforce",
        "open": 3,
        "pending": 0,
        "waiting": 2,
        "converging": 0,
        "held": 1,
        "needs_you": 2,
        "converged": 40,
        "cancelled": 0,
        "freed": 3 * 2**40,
        "freed_text": "3.0 TiB",
        "freed_last_24_hours": 5 * 2**29,
        "freed_last_24_hours_text": "2.5 GiB",
        "upstreams": 5,
        "upstreams_down": 1,
        "upstreams_down_names": "sonarr",
        "oldest_open_at": now,
        "last_pass_at": now,
        "next_pass_at": now,
    }


async def test_before_the_first_pass_there_is_nothing_to_show(world: World) -> None:
    async with world.person() as client:
        shown = (await client.get("/widget")).json()
    assert (shown["last_pass_at"], shown["oldest_open_at"], shown["upstreams_down_names"]) == (None, None, "")
    assert (shown["ok"], shown["freed_text"]) == (True, "0 B")


async def test_a_dashboard_needs_a_token(world: World) -> None:
    async with world.client() as client:
        assert (await client.get("/widget")).status_code == 401


PAGE = (Path(__file__).parents[3] / "docs" / "widgets.md").read_text(encoding="utf-8")


def test_the_page_on_dashboards_explains_every_field_and_uses_no_other() -> None:
    fields = set(WidgetOut.model_fields)
    example = json.loads(re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)[0])
    assert set(WidgetOut.model_validate(example).model_dump()) == set(example) == fields
    explained = {word for row in re.findall(r"^\| (`.*?) \|", PAGE, flags=re.MULTILINE) for word in row.split(", ")}
    words = {word.strip("`") for word in explained}
    assert fields - words == {"freed_text", "freed_last_24_hours_text", "pending", "waiting", "converging", "held"}
    homepage = yaml.safe_load(re.findall(r"```yaml\n(- Media:.*?)```", PAGE, flags=re.DOTALL)[0])
    mapped = {one["field"] for one in homepage[0]["Media"][0]["Deletion reconciler"]["widget"]["mappings"]}
    used = {*mapped, *re.findall(r"(?:data|value_json)\.(\w+)", PAGE)}
    assert used <= fields
    assert len(mapped) == 4, "Homepage shows four"
