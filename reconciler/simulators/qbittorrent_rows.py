"""What a simulated qBittorrent shows of its torrents, in each version's fields (upstreams.md 5.3)."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException

from reconciler.simulators.qbittorrent_dialects import Dialect
from reconciler.simulators.qbittorrent_session import Content, SimulatedTorrent, TorrentSession

Row = dict[str, object]

_PIECE = 16 * 1024
_NOT_A_TRACKER = ("** [DHT] **", "** [PeX] **", "** [LSD] **")
_UPLOADING = frozenset({"uploading", "stalledUP", "queuedUP", "forcedUP", "checkingUP", "pausedUP", "stoppedUP"})


def state_of(torrent: SimulatedTorrent, dialect: Dialect) -> str:
    """Return qBittorrent's word for what a torrent does."""
    if torrent.content is Content.MISSING:
        return "missingFiles"
    if torrent.content is Content.WHOLE:
        return f"{dialect.stopped}UP" if torrent.stopped else "stalledUP"
    if torrent.stopped:
        return f"{dialect.stopped}DL"
    if torrent.meta is None:
        return "metaDL"
    return "downloading" if torrent.content is Content.ARRIVING else "stalledDL"


def info_row(torrent: SimulatedTorrent, dialect: Dialect, now: int) -> Row:
    """Return one row of `torrents/info`; `now` is in seconds since the epoch."""
    size = torrent.meta.size if torrent.meta else 0
    is_whole = torrent.content is Content.WHOLE
    row: Row = {
        "added_on": torrent.added_on,
        "amount_left": 0 if is_whole else size,
        "auto_tmm": False,
        "availability": -1 if is_whole else 0,
        "category": torrent.category,
        "completed": size if is_whole else 0,
        "completion_on": torrent.completed_on,
        "content_path": str(torrent.content_path),
        "dlspeed": 0,
        "download_path": "",
        "downloaded": 0,
        "eta": 8_640_000,
        "force_start": False,
        "hash": torrent.id,
        "infohash_v1": torrent.infohash_v1 or "",
        "infohash_v2": torrent.infohash_v2 or "",
        "last_activity": torrent.added_on,
        "magnet_uri": _magnet(torrent),
        "max_ratio": -1,
        "max_seeding_time": -1,
        "name": torrent.name,
        "num_leechs": 0,
        "num_seeds": 0,
        "priority": 0,
        "progress": 1 if is_whole else 0,
        "ratio": torrent.ratio,
        "ratio_limit": -2,
        "save_path": str(torrent.save_path),
        "seeding_time": torrent.seeding_time(now),
        "seeding_time_limit": -2,
        "size": size,
        "state": state_of(torrent, dialect),
        "tags": ", ".join(sorted(torrent.tags)),
        "time_active": now - torrent.added_on,
        "total_size": size if torrent.meta else -1,
        "tracker": torrent.trackers[0] if torrent.trackers else "",
        "trackers_count": len(torrent.trackers),
        "uploaded": 0,
        "upspeed": 0,
    }
    row["inactive_seeding_time_limit"] = -2
    if dialect.is_modern:
        row |= {
            "comment": "",
            "has_metadata": torrent.meta is not None,
            "popularity": 0,
            "private": torrent.private,
            "reannounce": 0,
            "root_path": str(torrent.save_path / torrent.meta.root) if torrent.meta and torrent.meta.root else "",
        }
    if dialect.has_keys:
        row |= {"share_limit_action": "Default", "pieces_num": -(-size // _PIECE)}
    return row


def file_rows(torrent: SimulatedTorrent) -> list[Row]:
    """Return the answer of `torrents/files`."""
    if torrent.meta is None:
        return []
    is_whole = torrent.content is Content.WHOLE
    rows: list[Row] = []
    start = 0
    for index, file in enumerate(torrent.meta.files):
        end = start + file.size
        rows.append(
            {
                "index": index,
                "name": file.name,
                "size": file.size,
                "progress": 1 if is_whole else 0,
                "priority": 1,
                "availability": -1 if is_whole else 0,
                "piece_range": [start // _PIECE, max(start, end - 1) // _PIECE],
                "is_seed": is_whole,
            }
        )
        start = end
    return rows


def properties(torrent: SimulatedTorrent, now: int) -> Row:
    """Return the answer of `torrents/properties`."""
    size = torrent.meta.size if torrent.meta else -1
    return {
        "addition_date": torrent.added_on,
        "comment": "",
        "completion_date": torrent.completed_on,
        "download_path": "",
        "hash": torrent.id,
        "infohash_v1": torrent.infohash_v1 or "",
        "infohash_v2": torrent.infohash_v2 or "",
        "is_private": bool(torrent.private),
        "name": torrent.name,
        "piece_size": torrent.meta.piece_length if torrent.meta else -1,
        "save_path": str(torrent.save_path),
        "seeding_time": torrent.seeding_time(now),
        "share_ratio": torrent.ratio,
        "total_size": size,
    }


def tracker_rows(torrent: SimulatedTorrent) -> list[Row]:
    """Return the answer of `torrents/trackers`: first the other sources of peers, which a private torrent forbids."""
    excuse = "This torrent is private" if torrent.private else ""
    counts = {"num_peers": 0, "num_seeds": 0, "num_leeches": 0, "num_downloaded": 0}
    others: list[Row] = [
        {"url": name, "status": 0 if excuse else 2, "tier": -1, "msg": excuse, **counts} for name in _NOT_A_TRACKER
    ]
    named: list[Row] = [
        {"url": url, "status": 2, "tier": tier, "msg": "", **counts} for tier, url in enumerate(torrent.trackers)
    ]
    return others + named


def listing(session: TorrentSession, dialect: Dialect, now: int, params: Mapping[str, str]) -> list[Row]:
    """Return the answer of `torrents/info`, in which an empty `hashes` and an unknown `filter` show everything."""
    rows = [info_row(torrent, dialect, now) for torrent in session.torrents.values()]
    if wanted := params.get("hashes"):
        ids = set(wanted.lower().split("|"))
        rows = [row for row in rows if row["hash"] in ids]
    if "category" in params:
        rows = [row for row in rows if row["category"] == params["category"]]
    if "tag" in params:
        tag = params["tag"]
        rows = [row for row in rows if tag in str(row["tags"]).split(", ")]
    rows = [row for row in rows if _passes(str(row["state"]), params.get("filter", "all"), dialect)]
    if key := params.get("sort"):
        if rows and key not in rows[0]:
            raise HTTPException(400, "'sort' parameter is invalid")
        rows.sort(key=lambda row: (str(type(row[key])), row[key]))
    if params.get("reverse") == "true":
        rows.reverse()
    offset, limit = _number(params, "offset"), _number(params, "limit")
    return rows[offset : offset + limit] if limit > 0 else rows[offset:]


def _passes(state: str, wanted: str, dialect: Dialect) -> bool:
    stopped = state.startswith(dialect.stopped)
    verdicts = {
        "completed": state in _UPLOADING,
        "seeding": state in _UPLOADING and not stopped,
        "downloading": state not in _UPLOADING and not stopped and state != "missingFiles",
        "stalled": state.startswith("stalled"),
        "errored": state == "missingFiles",
        dialect.stopped: stopped,
        "running" if dialect.is_modern else "resumed": not stopped,
    }
    return verdicts.get(wanted, True)


def _number(params: Mapping[str, str], name: str) -> int:
    text = params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _magnet(torrent: SimulatedTorrent) -> str:
    if torrent.infohash_v1:
        return f"magnet:?xt=urn:btih:{torrent.infohash_v1}&dn={torrent.name}"
    return f"magnet:?xt=urn:btmh:1220{torrent.infohash_v2}&dn={torrent.name}"
