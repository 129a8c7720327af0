"""Foreign text in messages: one short line that no messenger interprets."""

import pytest

from reconciler.notify.plain import REPLACED, cut, plain


@pytest.mark.parametrize("between", ["\r\n", "\n", "\t", "\x0b", "\x85", "\u2028", "\u2029", "   "])
def test_text_stays_on_one_line(between: str) -> None:
    assert plain(f"a{between}b", 80) == "a b"


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\u202e", "\u2066", "\u200f", "\u061c", "\ufeff", "\ud800", "\ue000"])
def test_what_is_not_seen_is_shown_as_replaced(sign: str) -> None:
    assert plain(f"a{sign}b", 80) == f"a{REPLACED}b"


@pytest.mark.parametrize(
    "text",
    [
        "@everyone @here",
        "<!channel> <@123> <#4> <b>bold</b>",
        "[click](https://evil.example)",
        "*bold* __under__ ~~gone~~ ||spoiler|| `code`",
        "https://evil.example/login tg://user?id=1",
        ":smile: :+1:",
    ],
)
def test_nothing_is_left_that_a_messenger_takes_for_markup_a_mention_or_an_address(text: str) -> None:
    shown = plain(text, 200)
    assert not set("@<>[]*_~|`") & set(shown)
    assert "://" not in shown
    assert ":smile:" not in shown
    assert ":+1:" not in shown


@pytest.mark.parametrize(
    "title",
    [
        "Fast & Furious",
        "Mission: Impossible (1996)",
        "Amélie",
        "七人の侍",
        "شجرة",
        "Se7en #7",
        "WALL·E \N{ROBOT FACE}",
        "'71",
    ],
)
def test_ordinary_titles_stay_as_they_are(title: str) -> None:
    assert plain(title, 80) == title


def test_long_text_is_cut_and_says_so() -> None:
    assert plain("x" * 10_000, 80) == "x" * 79 + "…"
    assert cut("short", 5) == "short"
    assert cut("too long", 5) == "too…"


def test_emoji_that_are_joined_stay_joined() -> None:
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
    assert plain(family, 80) == family
