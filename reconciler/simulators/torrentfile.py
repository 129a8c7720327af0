"""Reads and writes `.torrent` files: version 1, version 2 and hybrid (BEP 3, 12, 19, 27, 47, 52).

Torrents are made from real files on disk, so that a real qBittorrent and the simulator accept the same bytes.
"""

import hashlib
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from reconciler.model import InfoHash, TorrentId

Bencodable = int | str | bytes | Sequence["Bencodable"] | Mapping[str, "Bencodable"] | Mapping[bytes, "Bencodable"]

BLOCK = 16 * 1024
"""Leaf size of version 2 hash trees, and our usual piece length, in bytes."""

_MAX_DEPTH = 100
_INTEGER = re.compile(rb"i(0|-?[1-9]\d{0,20})e")
_LENGTH = re.compile(rb"(0|[1-9]\d{0,9}):")


class TorrentKind(StrEnum):
    V1 = "v1"
    V2 = "v2"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class ContentFile:
    """A file as the torrent names it, root folder included; `is_padding` marks fillers that are never on disk."""

    name: str
    size: int
    is_padding: bool = False


@dataclass(frozen=True, slots=True)
class Metainfo:
    """What a `.torrent` file says. `root` is the common folder of a multi-file torrent, else `""`."""

    name: str
    root: str
    layout: tuple[ContentFile, ...]
    piece_length: int
    pieces: bytes
    infohash_v1: InfoHash | None
    infohash_v2: InfoHash | None
    private: bool = False
    web_seeds: tuple[str, ...] = ()
    trackers: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[ContentFile, ...]:
        """The files that exist on disk."""
        return tuple(file for file in self.layout if not file.is_padding)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def torrent_id(self) -> TorrentId:
        """The `hash` of a qBittorrent built with libtorrent 2 (upstreams.md 5.6)."""
        return TorrentId((self.infohash_v2 or self.infohash_v1 or "")[:40])

    def renamed(self, names: Mapping[str, str], root: str) -> "Metainfo":
        """Return the same content under other file names (a content layout chosen when adding)."""
        layout = tuple(replace(file, name=names.get(file.name, file.name)) for file in self.layout)
        return replace(self, layout=layout, root=root)

    def without_root(self) -> "Metainfo":
        """Return the same content with its files directly in the save path."""
        return self.renamed({file.name: file.name.removeprefix(f"{self.root}/") for file in self.layout}, "")

    def is_complete(self, folder: Path) -> bool:
        """Tell whether every file lies below `folder` in full size and, for version 1, with the right pieces."""
        paths = [(folder / file.name, file.size) for file in self.files]
        if not all(path.is_file() and path.stat().st_size == size for path, size in paths):
            return False
        return not self.pieces or _pieces(_contents(folder, self.layout), self.piece_length) == self.pieces


@dataclass(frozen=True, slots=True)
class MadeTorrent:
    """A new `.torrent` file: its bytes and what they say."""

    data: bytes
    meta: Metainfo


def make_torrent(
    path: Path,
    *,
    kind: TorrentKind = TorrentKind.V1,
    private: bool = False,
    web_seeds: Sequence[str] = (),
    trackers: Sequence[str] = (),
    source: str = "",
    piece_length: int = BLOCK,
) -> MadeTorrent:
    """Make a torrent of one file, or of a folder and everything in it.

    `web_seeds` are the URLs of folders that hold the content under its own name; the server needs to support ranges.
    `trackers` are announce URLs, the first choice first. `source`, `private` and `piece_length` (a power of two, at
    least `BLOCK`) are part of what is hashed: the same content with another of them is a cross-seed.
    """
    if piece_length < BLOCK or piece_length & (piece_length - 1):
        raise ValueError("a piece length is a power of two and at least one block")
    if path.is_dir():
        found = sorted(item for item in path.rglob("*") if item.is_file())
        contents = [ContentFile(item.relative_to(path.parent).as_posix(), item.stat().st_size) for item in found]
    else:
        contents = [ContentFile(path.name, path.stat().st_size)]
    if not contents:
        raise ValueError("a torrent needs at least one file")
    info: dict[str, Bencodable] = {"name": path.name, "piece length": piece_length}
    document: dict[str, Bencodable] = {"info": info}
    if kind is TorrentKind.HYBRID:
        contents = list(_padded(contents, piece_length))
    if kind is not TorrentKind.V2:
        info["pieces"] = _pieces(_contents(path.parent, contents), piece_length)
        if path.is_dir():
            info["files"] = [_v1_row(file) for file in contents]
        else:
            info["length"] = contents[0].size
    if kind is not TorrentKind.V1:
        info["meta version"] = 2
        info["file tree"], document["piece layers"] = _v2_tree(path, contents, piece_length)
    if private:
        info["private"] = 1
    if source:
        info["source"] = source
    if web_seeds:
        document["url-list"] = [
            _seed_address(seed, [file for file in contents if not file.is_padding]) for seed in web_seeds
        ]
    if trackers:
        document["announce"] = trackers[0]
    if len(trackers) > 1:
        document["announce-list"] = [[tracker] for tracker in trackers]
    data = bencode(document)
    return MadeTorrent(data, parse_torrent(data))


def parse_torrent(data: bytes) -> Metainfo:
    """Read a `.torrent` file; raises `ValueError` when it is none."""
    document = bdecode(data)
    info = document.get(b"info") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(info, dict):
        raise ValueError("no info dictionary")  # noqa: TRY004 - a wrong file, not a wrong call
    name, piece_length = _text(info.get(b"name")), info.get(b"piece length")
    _safe([name])
    if not isinstance(piece_length, int) or piece_length < 1:
        raise ValueError("no piece length")
    pieces, is_v2 = info.get(b"pieces", b""), info.get(b"meta version") == 2
    if not isinstance(pieces, bytes) or not (pieces or is_v2):
        raise ValueError("no pieces")
    encoded = bencode(info)
    rows, length = info.get(b"files"), info.get(b"length")
    root = name
    if isinstance(rows, list):
        layout = tuple(_parse_row(name, row) for row in rows)
    elif isinstance(length, int):
        layout, root = (ContentFile(name, length),), ""
    else:
        layout = tuple(_parse_tree(info.get(b"file tree"), ()))
        if len(layout) == 1 and layout[0].name == name:
            root = ""
        else:
            layout = tuple(replace(file, name=f"{name}/{file.name}") for file in layout)
    if not layout:
        raise ValueError("no files")
    return Metainfo(
        name=name,
        root=root,
        layout=layout,
        piece_length=piece_length,
        pieces=pieces,
        infohash_v1=InfoHash(hashlib.sha1(encoded, usedforsecurity=False).hexdigest()) if pieces else None,
        infohash_v2=InfoHash(hashlib.sha256(encoded).hexdigest()) if is_v2 else None,
        private=info.get(b"private") == 1,
        web_seeds=_web_seeds(document.get(b"url-list")),
        trackers=_trackers(document.get(b"announce"), document.get(b"announce-list")),
    )


# --- bencoding -----------------------------------------------------------------------------------------------------


def bencode(value: Bencodable) -> bytes:
    """Encode integers, texts, bytes, lists and dictionaries; keys are sorted as bytes."""
    match value:
        case bool():
            raise TypeError("bencoding knows no booleans")
        case int():
            return b"i%de" % value
        case bytes():
            return b"%d:%b" % (len(value), value)
        case str():
            return bencode(value.encode())
        case Mapping():
            pairs = sorted((key.encode() if isinstance(key, str) else key, item) for key, item in value.items())
            return b"d" + b"".join(bencode(key) + bencode(item) for key, item in pairs) + b"e"
        case _:
            return b"l" + b"".join(bencode(item) for item in value) + b"e"


Bdecoded = int | bytes | list["Bdecoded"] | dict[bytes, "Bdecoded"]


def bdecode(data: bytes) -> Bdecoded:
    """Decode one whole value; raises `ValueError` for anything else, also for bytes after it."""
    value, end = _decode(data, 0, 0)
    if end != len(data):
        raise ValueError("bytes after the end")
    return value


def _decode(data: bytes, at: int, depth: int) -> tuple[Bdecoded, int]:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if integer := _INTEGER.match(data, at):
        return int(integer[1]), integer.end()
    if length := _LENGTH.match(data, at):
        end = length.end() + int(length[1])
        if end > len(data):
            raise ValueError("a string is cut off")
        return data[length.end() : end], end
    kind, at = data[at : at + 1], at + 1
    if kind not in {b"l", b"d"}:
        raise ValueError("not bencoded")
    items: list[Bdecoded] = []
    while data[at : at + 1] != b"e":
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    if kind == b"l":
        return items, at + 1
    keys, values = items[::2], items[1::2]
    if len(keys) != len(values):
        raise ValueError("a key without a value")
    decoded: dict[bytes, Bdecoded] = {}
    for key, item in zip(keys, values, strict=True):
        if not isinstance(key, bytes):
            raise ValueError("a key is no string")  # noqa: TRY004 - a wrong file, not a wrong call
        decoded[key] = item
    return decoded, at + 1


# --- version 1 -----------------------------------------------------------------------------------------------------


def _v1_row(file: ContentFile) -> dict[str, Bencodable]:
    """Describe a file; the path leaves out the root folder."""
    path: list[Bencodable] = [*file.name.split("/")[1:]]
    row: dict[str, Bencodable] = {"length": file.size, "path": path}
    if file.is_padding:
        row["attr"] = "p"
    return row


def _padded(files: Sequence[ContentFile], piece_length: int) -> Iterator[ContentFile]:
    """Put fillers between the files, so that each starts on a piece as version 2 wants it."""
    for number, file in enumerate(files):
        yield file
        gap = -file.size % piece_length
        if gap and number < len(files) - 1:
            yield ContentFile(f"{file.name.split('/')[0]}/.pad/{gap}", gap, is_padding=True)


def _contents(folder: Path, files: Iterable[ContentFile]) -> Iterator[bytes]:
    for file in files:
        yield bytes(file.size) if file.is_padding else (folder / file.name).read_bytes()


def _pieces(contents: Iterator[bytes], piece_length: int) -> bytes:
    hashes, rest = bytearray(), b""
    for content in contents:
        rest += content
        whole = len(rest) // piece_length * piece_length
        for start in range(0, whole, piece_length):
            hashes += hashlib.sha1(rest[start : start + piece_length], usedforsecurity=False).digest()
        rest = rest[whole:]
    if rest:
        hashes += hashlib.sha1(rest, usedforsecurity=False).digest()
    return bytes(hashes)


# --- version 2 -----------------------------------------------------------------------------------------------------


def _v2_tree(path: Path, files: Sequence[ContentFile], piece_length: int) -> tuple[Bencodable, Bencodable]:
    """Return the file tree and the piece layers; a layer lists a hash per piece of a file that has several."""
    width = piece_length // BLOCK
    tree: dict[str, Bencodable] = {}
    layers: dict[bytes, Bencodable] = {}
    for file in files:
        if file.is_padding:
            continue
        leaves = _leaves((path.parent / file.name).read_bytes())
        entry: dict[str, Bencodable] = {"length": file.size}
        if leaves:
            entry["pieces root"] = root = _merkle_root(leaves)
            if len(leaves) > width:
                pieces = [leaves[at : at + width] for at in range(0, len(leaves), width)]
                layers[root] = b"".join(_merkle_root(piece, width) for piece in pieces)
        parts = file.name.split("/")[1:] if path.is_dir() else [file.name]
        node = tree
        for part in parts:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                raise TypeError(f"{part} is both a file and a folder")
            node = child
        node[""] = entry
    return tree, layers


def _leaves(content: bytes) -> list[bytes]:
    return [hashlib.sha256(content[at : at + BLOCK]).digest() for at in range(0, len(content), BLOCK)]


def _merkle_root(leaves: Sequence[bytes], width: int | None = None) -> bytes:
    """Return the root over the leaves, filled up with zeros to `width` or the next power of two."""
    width = width or 1 << (len(leaves) - 1).bit_length()
    level = [*leaves, *[bytes(32)] * (width - len(leaves))]
    while len(level) > 1:
        level = [hashlib.sha256(level[at] + level[at + 1]).digest() for at in range(0, len(level), 2)]
    return level[0]


# --- parsing -------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        raise ValueError("a text is missing")  # noqa: TRY004 - a wrong file, not a wrong call
    return value.decode()


def _safe(parts: Sequence[str]) -> str:
    """Join path parts; raises `ValueError` for any that would leave the save path."""
    if not parts or any(part in {"", ".", ".."} or "/" in part or "\0" in part for part in parts):
        raise ValueError("an unsafe path")
    return "/".join(parts)


def _parse_row(root: str, row: object) -> ContentFile:
    path, size = (row.get(b"path"), row.get(b"length")) if isinstance(row, dict) else (None, None)
    if not isinstance(row, dict) or not isinstance(path, list) or not isinstance(size, int) or size < 0:
        raise ValueError("a file without path or length")
    return ContentFile(_safe([root, *map(_text, path)]), size, is_padding=b"p" in row.get(b"attr", b""))


def _parse_tree(node: object, parts: tuple[str, ...]) -> Iterator[ContentFile]:
    if not isinstance(node, dict):
        raise ValueError("no file tree")  # noqa: TRY004 - a wrong file, not a wrong call
    for key, child in node.items():
        if key:
            yield from _parse_tree(child, (*parts, _text(key)))
            continue
        size = child.get(b"length") if isinstance(child, dict) else None
        if not isinstance(size, int) or size < 0:
            raise ValueError("a file without length")
        yield ContentFile(_safe(parts), size)


def _seed_address(folder: str, files: Sequence[ContentFile]) -> str:
    """Return what `url-list` must say.

    libtorrent completes the address of a torrent with one file by the torrent's name only, which misses a file in a
    folder; such a torrent gets the address of the file itself.
    """
    folder = folder.rstrip("/") + "/"
    return folder + urllib.parse.quote(files[0].name) if len(files) == 1 else folder


def _trackers(first: object, tiers: object) -> tuple[str, ...]:
    """Read the announce URLs of BEP 3 and BEP 12, each once."""
    rows = [[first], *(tier for tier in (tiers if isinstance(tiers, list) else []) if isinstance(tier, list))]
    return tuple(dict.fromkeys(item.decode() for row in rows for item in row if isinstance(item, bytes) and item))


def _web_seeds(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    return tuple(item.decode() for item in found if isinstance(item, bytes) and item)
