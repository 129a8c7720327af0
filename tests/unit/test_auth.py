"""Who is let in."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from reconciler.auth import accepts

WORD = "correct-horse-battery"
SECRETS = [SecretStr(WORD)]


def basic(user: str, password: str, encoding: str = "utf-8") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode(encoding)).decode()


@pytest.mark.parametrize(
    "header",
    [
        WORD,
        f"  {WORD} ",
        f"Bearer {WORD}",
        f"bearer  {WORD}",
        basic("radarr", WORD),
        basic("", WORD),
        basic("anyone", WORD).replace("Basic", "BASIC"),
    ],
)
def test_the_secret_is_accepted_in_every_form_that_senders_use(header: str) -> None:
    assert accepts(header, SECRETS)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "   ",
        "Bearer",
        "Bearer ",
        f"{WORD}x",
        WORD[:-1],
        WORD.upper(),
        f"Token {WORD}",
        f"Bearer Bearer {WORD}",
        basic(WORD, ""),
        basic(WORD, "wrong"),
        "Basic",
        "Basic !!!",
        "Basic YQ",
        basic("user", WORD).replace("Basic ", "Basic *"),
        "Basic \u00e9\u4e2d",
        "Basic " + base64.b64encode(WORD.encode()).decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    ],
)
def test_anything_else_is_refused_without_an_error(header: str | None) -> None:
    assert not accepts(header, SECRETS)


def test_the_api_key_header_is_as_good() -> None:
    assert accepts(None, SECRETS, api_key=WORD)
    assert accepts("Bearer wrong", SECRETS, api_key=WORD)
    assert not accepts(None, SECRETS, api_key="wrong")
    assert not accepts(None, SECRETS, api_key="")


def test_any_of_several_secrets_is_accepted_while_one_replaces_another() -> None:
    both = [SecretStr("old-old-old-old-old"), SecretStr("new-new-new-new-new")]
    assert accepts("old-old-old-old-old", both)
    assert accepts("Bearer new-new-new-new-new", both)
    assert not accepts("old-old-old-old-oldnew-new-new-new-new", both)


def test_a_password_may_contain_a_colon() -> None:
    assert accepts(basic("user", "a:b:c"), [SecretStr("a:b:c")])


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_secret_beyond_ascii_is_accepted_as_clients_encode_it(encoding: str) -> None:
    secret = [SecretStr("schlüssel-schlüssel")]
    assert accepts(basic("user", "schlüssel-schlüssel", encoding), secret)
    raw = "schlüssel-schlüssel".encode(encoding).decode("latin-1")  # as a server hands headers on
    assert accepts(raw, secret)


def test_without_any_secret_everybody_is_accepted() -> None:
    assert accepts(None, [])
    assert accepts("anything", [])


def test_an_empty_secret_opens_nothing() -> None:
    assert not accepts(None, [SecretStr("")])
    assert not accepts("", [SecretStr("")])
    assert not accepts("Bearer ", [SecretStr("")])


@settings(deadline=None, derandomize=True)
@given(header=st.text(st.characters()) | st.text().map(lambda text: f"Basic {text}"), key=st.none() | st.text())
def test_no_header_raises_or_passes_by_chance(header: str, key: str | None) -> None:
    assert not accepts(header, [SecretStr("\N{SNOWMAN} nobody sends this by chance")], api_key=key)
