"""What the house of the browser tests has been asked to delete, and how far each of it is."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.web.guard import CLIENT_HEADER
from tests.support.e2e import Shelved, Stage
from tests.support.e2e_shown import Json

CONFIG: Mapping[str, Any] = {
    "grace": {"cli": 36_000},
    "require_approval": ["api"],
    "protect_labels": ["keep"],
    "breaker_limit": 1000,
}
"""What comes by the command line waits, what comes by the API is held, and a dashboard's wish is done at once."""

BY_COMMAND_LINE = {CLIENT_HEADER: "cli"}
MANY = 26
"""More than one page of the list."""


async def ask(stage: Stage, wanted: Shelved | Mapping[str, Any], *, by: str = "dashboard", **more: object) -> str:
    """Ask for a deletion by a dashboard's webhook, the API or the command line, and return its id."""
    path = "/webhooks/dashboard" if by == "dashboard" else "/deletions"
    wish = wanted.wish if isinstance(wanted, Shelved) else wanted
    headers = {"Content-Type": "application/json", **(BY_COMMAND_LINE if by == "cli" else {})}
    # in ASCII, since halves of surrogate pairs are asked for, too
    answer = await stage.http.post(path, content=json.dumps({**wish, **more}), headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["deletions"][0]["id"])


@dataclass(frozen=True, slots=True)
class Shown:
    """One deletion of each kind that no test changes."""

    gone: str
    protected: str
    unapproved: str
    waiting: str
    cancelled: str
    gone_title: Shelved

    @property
    def ids(self) -> Mapping[str, str]:
        return {
            "gone": self.gone,
            "protected": self.protected,
            "unapproved": self.unapproved,
            "waiting": self.waiting,
            "cancelled": self.cancelled,
        }


async def fill(stage: Stage) -> Shown:
    """Ask for everything that tests only look at, and wait until each is where it stays."""
    gone, kept, unapproved, waiting, cancelled = await asyncio.gather(
        stage.movie(torrents=2, name="Night of the Living Dead", year=1968),
        stage.movie(tags=["keep"], name="Nosferatu", year=1922),
        stage.movie(name="Metropolis", year=1927),
        stage.movie(name="The General", year=1926),
        stage.movie(torrents=0, is_requested=False, name="Safety Last!", year=1923),
    )
    await ask_many(stage)
    shown = Shown(
        gone=await ask(stage, gone, year=1968, requested_by="ann"),
        protected=await ask(stage, kept, year=1922, requested_by="ben"),
        unapproved=await ask(stage, unapproved, by="api", year=1927, requested_by="cleo"),
        waiting=await ask(stage, waiting, by="cli", year=1926),
        cancelled=await ask(stage, cancelled, by="cli", year=1923),
        gone_title=gone,
    )
    await stage.until_phase(shown.cancelled, "waiting")
    await stage.decide(shown.cancelled, "cancel")
    phases = {
        shown.gone: "converged",
        shown.protected: "held",
        shown.unapproved: "held",
        shown.waiting: "waiting",
        shown.cancelled: "cancelled",
    }
    await asyncio.gather(*(stage.until_phase(id_, phase) for id_, phase in phases.items()))
    return shown


async def ask_many(stage: Stage) -> None:
    """Ask for titles that are nowhere, so that the list has more than a page of what is gone."""
    wishes: list[Json] = [
        {
            "media_type": "movie",
            "tmdb_id": 90_000 + number,
            "title": f"Newsreel {number}",
            "requested_by": "the archive",
        }
        for number in range(1, MANY + 1)
    ]
    answer = await stage.http.post("/deletions", json={"deletions": wishes}, headers=BY_COMMAND_LINE)
    assert answer.status_code == 202, answer.text
