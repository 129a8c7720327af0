"""What people read in the terminal. Titles and paths come from elsewhere: they are shown, never interpreted."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from reconciler.cli.staying import put
from reconciler.model import Source
from reconciler.words import is_plain, plain

_SENTENCES_LENGTH = 4000
_ID_LENGTH = 36
_PHASE_LENGTH = 10
_FOLDING = {"title": 8, "media": 8, "asked": 10}
"""How narrow the columns that fold may become: beside id and phase they fill a terminal of 80; a date is 10 wide."""
_LIBRARIES = frozenset({Source.RADARR, Source.SONARR})
_OPTIONS = {
    "delete_files": (True, "its files are kept"),
    "add_exclusion": (False, "kept from import lists"),
    "blocklist": (False, "its releases are blocklisted"),
    "remove_empty_series": (False, "the series goes with its last season"),
}
"""What each option usually is, and the words for when it is not."""
_PHASE_STYLES = {
    "held": "bold red",
    "waiting": "yellow",
    "converging": "cyan",
    "pending": "cyan",
    "converged": "green",
    "cancelled": "dim",
}


def say(message: str) -> None:
    """Tell the person something, on stderr, so that stdout stays for results."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(plain(message, _SENTENCES_LENGTH)))


def show_json(document: object) -> None:
    """Print one JSON document on stdout. Titles stay readable, but what a terminal would obey in them is escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    sys.stdout.write("".join(c if c == "\n" or is_plain(c) else json.dumps(c)[1:-1] for c in text) + "\n")


async def show_json_line(document: object) -> None:
    """Print one JSON document on a line of its own, and at once: whoever reads along must not wait for the next.

    It is plain ASCII, so that no title holds what a reader takes for the end of a line, or a terminal for a command.
    """
    await put(json.dumps(document) + "\n")


def show_status(status: Mapping[str, Any], console: Console | None = None) -> None:
    console = console or console_for_results()
    console.print(Text(plain(status["verdict"]), style="bold green" if status["ok"] else "bold red"))
    console.print(Text(f"mode {plain(status['mode'])}, version {plain(status['version'])}", style="dim"))
    phases = bare_table("phase", "deletions")
    for phase, count in status["counts"].items():
        if count:
            phases.add_row(phase_in_colour(phase), Text(plain(count)))
    if phases.row_count:
        console.print(phases)
    upstreams = bare_table("upstream", "state", "version", "since", "history", "webhook")
    for upstream in status["upstreams"]:
        kind = "" if upstream["name"] == upstream["kind"] else f" ({upstream['kind']})"
        upstreams.add_row(
            *cells(upstream["name"] + kind),
            state_of_upstream(upstream),
            *cells(upstream["version"], time_in_short(upstream["since"]), _history(upstream["coverage"])),
            *cells(_webhook(upstream.get("webhook"))),
        )
    console.print(upstreams)
    for upstream in status["upstreams"]:
        if upstream["last_error"]:
            console.print(Text(plain(upstream["last_error"]), style="red" if not upstream["reachable"] else "dim"))
    for previous in status["previous_secrets"]:
        uses = ", ".join(f"{use['by']} {time_in_short(use['at'])}" for use in previous["last_used"])
        since = time_in_short(previous["since"])
        text = f"{previous['setting']} is accepted; last used by: {uses or 'nobody'} (since {since})"
        console.print(Text(plain(text)))
    last = status["last_pass"]
    if last:
        took = f"{last['duration_seconds']:.1f} s, {last['calls']} calls, {last['deletions']} deletions"
        console.print(Text(f"last pass {time_in_short(last['finished_at'])}: {took}"))
    loop = status["loop"]
    if loop["next_pass_at"]:
        console.print(Text(f"next pass {plain(time_in_short(loop['next_pass_at']))}"))
    elif loop["leader"]:
        console.print(Text(f"{plain(loop['leader'])} reconciles, {plain(loop['process'])} answered"))


def show_deletions(page: Mapping[str, Any]) -> None:
    table = bare_table(
        Column("id", min_width=_ID_LENGTH, no_wrap=True),
        Column("phase", min_width=_PHASE_LENGTH, no_wrap=True),
        *(Column(name, min_width=width, overflow="fold") for name, width in _FOLDING.items()),
    )
    for one in page["deletions"]:
        by = None if one["inferred"] else one["requested_by"]
        asked = f"{time_in_short(one['requested_at'])} {by or one['source']}"
        table.add_row(*cells(one["id"]), phase_in_colour(one["phase"]), *cells(label_of(one), _media(one), asked))
    console = console_for_results()
    console.print(table if table.row_count else Text("No deletions."))
    if page["next_cursor"]:
        say(f"There are more: --cursor {page['next_cursor']}")


def show_deletion(one: Mapping[str, Any]) -> None:
    console = console_for_results()
    console.print(Text.assemble((plain(label_of(one)), "bold"), "  ", phase_in_colour(one["phase"])))
    for line in (f"{_media(one)}, {_origin(one)}", *_narrowed(one)):
        console.print(Text(plain(line), style="dim"))
    if one["settled"] and (message := one["settled"].get("message")):
        console.print(Text(plain(message, _SENTENCES_LENGTH)))
    for words, units in (("not covered any more", one["withdrawn"]), ("wanted again, only finished", one["finishing"])):
        if units:
            console.print(Text(plain(f"{words}: {', '.join(units)}"), style="yellow"))
    show_conditions(one["conditions"])
    show_targets(one["targets"])
    timeline = bare_table("at", "event", "message")
    for event in one["timeline"]:
        timeline.add_row(*cells(time_in_short(event["at"]), event["kind"], event["message"]))
    if timeline.row_count:
        console.print(timeline)
    show_needs(one["needs"])


def _origin(one: Mapping[str, Any]) -> str:
    """Say when and from where a deletion came. Who requested a title and was declined did not ask for its deletion."""
    when, source, by = time_in_short(one["requested_at"]), one["source"], one["requested_by"]
    if source == Source.RESYNC:
        return f"found {when} by polling"
    if one["inferred"]:
        return f"concluded {when} from {source}{f', which names {by}' if by else ''}"
    if source in _LIBRARIES:
        return f"deleted in {source}, known since {when}"
    return f"asked {when} through {source}{f' by {by}' if by else ''}"


def _narrowed(one: Mapping[str, Any]) -> Iterator[str]:
    """Say where a deletion applies and what was asked for beyond the usual."""
    options = [words for name, (usual, words) in _OPTIONS.items() if one["options"][name] is not usual]
    yield "; ".join([f"in {', '.join(one['instances']) or 'no Radarr or Sonarr'}", *options])
    if one["not_before"]:
        yield f"nothing begins before {time_in_short(one['not_before'])}"


def show_targets(targets: Sequence[Mapping[str, Any]]) -> None:
    if not targets:
        return
    table = bare_table("bound", "instance", "id", "name", "path", "absent since")
    for target in targets:
        table.add_row(
            *cells(*(target[key] for key in ("kind", "instance", "external_id", "name", "path"))),
            *cells(time_in_short(target["absent_since"])),
        )
    console_for_results().print(table)


def show_conditions(conditions: Sequence[Mapping[str, Any]]) -> None:
    if not conditions:
        return
    table = bare_table("condition", "instance", "status", "reason", "message")
    for condition in conditions:
        table.add_row(*cells(*(condition[key] for key in ("type", "instance", "status", "reason", "message"))))
    console_for_results().print(table)


def show_needs(needs: Sequence[Mapping[str, Any]], *, to_stderr: bool = False) -> None:
    console = Console(stderr=to_stderr, highlight=False)
    for need in needs:
        says = f"{need['reason']} at {need['instance']}: {need['message']}"
        console.print(Text.assemble((plain(says), "bold red"), "\n  ", need["advice"]))


def show_checks(results: Sequence[Mapping[str, Any]]) -> None:
    table = bare_table("instance", "kind", "result", "version", "found", "what to do")
    for result in results:
        verdict = Text("ok", style="green") if result["ok"] else Text("failed", style="bold red")
        version = f"{result['app']} {result['version']}".strip()
        table.add_row(
            *cells(result["instance"], result["kind"]), verdict, *cells(version, result["message"], result["fix"])
        )
    console = console_for_results()
    console.print(table)
    for result in results:
        if result["webhook"]:
            console.print(Text(plain(f"{result['instance']}: {result['webhook']}", _SENTENCES_LENGTH), style="yellow"))


def show_messages(results: Sequence[Mapping[str, Any]]) -> None:
    table = bare_table("messenger", "kind", "result", "said")
    for result in results:
        verdict = Text("taken", style="green") if result["ok"] else Text("failed", style="bold red")
        table.add_row(*cells(result["position"], result["kind"]), verdict, *cells(result["error"]))
    console_for_results().print(table)


def label_of(one: Mapping[str, Any]) -> str:
    """Return how people know what a deletion covers."""
    title = one["title"] or _media(one)
    year = f" ({one['year']})" if one["title"] and one["year"] else ""
    return f"{title}{year}{label_of_seasons(one['seasons'])}"


def label_of_seasons(seasons: Sequence[int] | None) -> str:
    """Return what stands behind a title of which only these seasons are meant."""
    if not seasons:
        return ""
    return f", season{'s' if len(seasons) > 1 else ''} {', '.join(map(str, sorted(seasons)))}"


def _media(one: Mapping[str, Any]) -> str:
    media = one["media"]
    ids = ", ".join(f"{key} {media[f'{key}_id']}" for key in ("tmdb", "tvdb") if media[f"{key}_id"])
    return f"{media['media_type']} {ids}".strip()


def _history(coverage: Mapping[str, Any] | None) -> str:
    if coverage is None:
        return ""
    if not coverage["complete"]:
        return f"reading: {coverage['rows']} of {coverage['total'] if coverage['total'] is not None else '?'}"
    gaps = len(coverage["gaps"])
    return f"complete, {gaps} gap{'s' if gaps > 1 else ''}" if gaps else "complete"


def _webhook(webhook: Mapping[str, Any] | None) -> str:
    """Say whether an upstream tells us what happens there, and when it last did."""
    if webhook is None:
        return ""
    heard = f"heard {time_in_short(webhook['heard_at'])}" if webhook["heard_at"] else ""
    if webhook["exists"] is False:
        return f"missing; {heard}" if heard else "missing"
    if webhook["enabled"] is False:
        return f"off; {heard}" if heard else "off"
    if webhook.get("muted"):
        return f"muted; {heard}" if heard else "muted"
    return heard or "nothing heard yet"


def state_of_upstream(upstream: Mapping[str, Any]) -> Text:
    """Return in one or two words how an upstream is doing."""
    if not upstream["configured"]:
        return Text("not configured", style="dim")
    match upstream["reachable"]:
        case True:
            return Text("reachable", style="green")
        case False:
            return Text("out of reach", style="bold red")
        case _:
            return Text("not looked yet", style="dim")


def time_in_short(time: str | None) -> str:
    """Shorten an RFC 3339 time to seconds; it stays UTC."""
    return f"{time[:10]} {time[11:19]}Z" if time else ""


def phase_in_colour(phase: str) -> Text:
    """Return the word in its colour."""
    return Text(plain(phase), style=_PHASE_STYLES.get(phase, ""))


def cells(*values: object) -> list[Text]:
    """Return what a row of a table shows."""
    return [Text(plain(value)) for value in values]


def bare_table(*columns: str | Column) -> Table:
    """Return a table that shows what is in it in full: an id or a path with a gap is of no use."""
    folding = (c if isinstance(c, Column) else Column(c, overflow="fold") for c in columns)
    return Table(*folding, box=None, header_style="dim", pad_edge=False)


def console_for_results() -> Console:
    """Return what prints on stdout."""
    return Console(highlight=False)
