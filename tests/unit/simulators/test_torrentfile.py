"""`.torrent` files are made and read as the BEPs say."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.simulators.torrentfile import (
    BLOCK,
    Bencodable,
    TorrentKind,
    bdecode,
    bencode,
    make_torrent,
    parse_torrent,
)

INFO = b"4:name1:a6:lengthi1e12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa"

values = st.recursive(
    st.integers(-(2**63), 2**63) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.binary(), inner),
    max_leaves=20,
)


@given(values)
def test_what_is_encoded_decodes_to_itself(value: Bencodable) -> None:
    assert bdecode(bencode(value)) == value


@given(st.binary())
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    try:
        decoded = bdecode(data)
    except ValueError:
        return
    assert isinstance(decoded, int | bytes | list | dict)


@pytest.mark.parametrize(
    "data",
    [b"", b"i01e", b"i-0e", b"ie", b"5:abc", b"01:a", b"li1e", b"d1:ae", b"di1ei2ee", b"i1ei2e", b"x", b"l" * 5_000],
)
def test_broken_bencoding_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        bdecode(data)


def test_keys_are_sorted_and_texts_are_utf_8() -> None:
    assert bencode({"b": 1, "a": "é", "c": [b"x"]}) == "d1:a2:é1:bi1e1:cl1:xee".encode()


def test_booleans_are_refused() -> None:
    with pytest.raises(TypeError):
        bencode({"private": True})


def test_a_single_file_has_the_hash_that_its_info_dictionary_gives(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    made = make_torrent(tmp_path / "a", private=True, web_seeds=["http://seed.test"], trackers=["http://t.test/"])
    digest = hashlib.sha1(b"x", usedforsecurity=False).digest()
    info = b"d6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:" + digest + b"7:privatei1ee"
    assert made.meta.infohash_v1 == hashlib.sha1(info, usedforsecurity=False).hexdigest()
    assert info in made.data
    assert (made.meta.private, made.meta.web_seeds, made.meta.trackers) == (
        True,
        ("http://seed.test/a",),
        ("http://t.test/",),
    )
    assert (made.meta.root, made.meta.size, made.meta.infohash_v2) == ("", 1, None)


@pytest.mark.parametrize("kind", list(TorrentKind))
def test_a_folder_keeps_its_files_below_its_own_name(tmp_path: Path, kind: TorrentKind) -> None:
    folder = tmp_path / "Show"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.mkv").write_bytes(b"a" * (BLOCK + 1))
    (folder / "empty").write_bytes(b"")
    (folder / "sub" / "b.srt").write_bytes(b"b" * 5)
    meta = make_torrent(folder, kind=kind).meta
    assert {(file.name, file.size) for file in meta.files} == {
        ("Show/a.mkv", BLOCK + 1),
        ("Show/empty", 0),
        ("Show/sub/b.srt", 5),
    }
    assert (meta.root, meta.size) == ("Show", BLOCK + 6)
    assert meta.is_complete(tmp_path)
    assert not meta.is_complete(folder)
    assert [meta.infohash_v1 is not None, meta.infohash_v2 is not None] == [
        kind is not TorrentKind.V2,
        kind is not TorrentKind.V1,
    ]
    assert meta.torrent_id == ((meta.infohash_v2 or "")[:40] or meta.infohash_v1)


def test_changed_content_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a" * 40_000)
    meta = make_torrent(path).meta
    path.write_bytes(b"a" * 39_999 + b"b")
    assert not meta.is_complete(tmp_path)


def test_another_source_gives_the_same_content_another_hash(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    assert make_torrent(path).meta.infohash_v1 != make_torrent(path, source="x").meta.infohash_v1


def test_another_piece_length_or_the_private_flag_gives_the_same_content_another_hash(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a" * 100_000)
    made = [make_torrent(path), make_torrent(path, piece_length=4 * BLOCK), make_torrent(path, private=True)]
    assert len({torrent.meta.torrent_id for torrent in made}) == 3
    assert len({torrent.meta.files for torrent in made}) == 1
    assert all(torrent.meta.is_complete(tmp_path) for torrent in made)


@pytest.mark.parametrize("piece_length", [0, BLOCK // 2, BLOCK + 1, 3 * BLOCK])
def test_a_piece_length_that_no_client_would_take_is_refused(tmp_path: Path, piece_length: int) -> None:
    (tmp_path / "a").write_bytes(b"a")
    with pytest.raises(ValueError, match="power of two"):
        make_torrent(tmp_path / "a", piece_length=piece_length)


def test_several_trackers_are_written_as_tiers_and_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    trackers = ("udp://one.test:80", "https://two.test/announce?passkey=1", "http://three.test/announce")
    made = make_torrent(tmp_path / "a", trackers=trackers)
    assert made.meta.trackers == trackers
    assert b"13:announce-listll" in made.data
    assert make_torrent(tmp_path / "a").meta.trackers == ()


def test_without_its_root_the_files_of_a_folder_lie_in_the_save_path(tmp_path: Path) -> None:
    for name in ("a.mkv", "sub/b.srt"):
        (tmp_path / "Show" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "Show" / name).write_bytes(name.encode())
    meta = make_torrent(tmp_path / "Show").meta.without_root()
    assert (meta.root, [file.name for file in meta.files]) == ("", ["a.mkv", "sub/b.srt"])
    assert meta.is_complete(tmp_path / "Show")


def test_web_seeds_are_named_so_that_libtorrent_finds_every_file(tmp_path: Path) -> None:
    folder = tmp_path / "My Movie"
    folder.mkdir()
    (folder / "a b.mkv").write_bytes(b"a")
    assert make_torrent(folder, web_seeds=["http://s.test/x"]).meta.web_seeds == (
        "http://s.test/x/My%20Movie/a%20b.mkv",
    )
    (folder / "b.srt").write_bytes(b"b")
    assert make_torrent(folder, web_seeds=["http://s.test/x"]).meta.web_seeds == ("http://s.test/x/",)


def test_an_empty_folder_makes_no_torrent(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one file"):
        make_torrent(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        b"de",
        b"i1e",
        b"d4:infoi1ee",
        b"d4:infodee",
        b"d4:infod" + INFO.replace(b"1:a", b"2:..") + b"ee",
        b"d4:infod" + INFO.replace(b"1:a", b"3:a/b") + b"ee",
        b"d4:infod" + INFO.replace(b"i16384e", b"i0e") + b"ee",
        b"d4:infod" + INFO.replace(b"20:aaaaaaaaaaaaaaaaaaaa", b"0:") + b"ee",
        b"d4:infod5:filesld6:lengthi1e4:pathl2:..1:xeee" + INFO.replace(b"6:lengthi1e", b"") + b"ee",
        b"d4:infod5:filesle" + INFO.replace(b"6:lengthi1e", b"") + b"ee",
    ],
)
def test_what_is_no_torrent_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_torrent(data)


def test_the_smallest_torrent_file_is_read() -> None:
    assert parse_torrent(b"d4:infod" + INFO + b"ee").size == 1
