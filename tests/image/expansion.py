"""Words of a Dockerfile: quotes, escapes and variables, as the builder reads them."""

from collections.abc import Mapping

from tests.image.trouble import DockerfileError


def split(text: str, variables: Mapping[str, str]) -> list[str]:
    """Return the words of `text` without their quotes, each variable replaced by its value."""
    return _Scanner(text, variables).words()


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` as one word."""
    words = split(text, variables)
    if len(words) != 1:
        raise DockerfileError(f"one word is expected, not {text!r}")
    return words[0]


class _Scanner:
    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._text = text
        self._at = 0
        self._variables = variables

    def words(self) -> list[str]:
        found: list[str] = []
        word: str | None = None
        while self._at < len(self._text):
            char = self._text[self._at]
            if char.isspace():
                if word is not None:
                    found.append(word)
                word = None
                self._at += 1
            elif char in "\"'":
                word = (word or "") + self._quoted(char)
            else:
                word = (word or "") + self._piece()
        return found if word is None else [*found, word]

    def _quoted(self, quote: str) -> str:
        self._at += 1
        inside = ""
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == quote:
                self._at += 1
                return inside
            if quote == "'":
                inside += char
                self._at += 1
            else:
                inside += self._piece()
        raise DockerfileError(f"a quote is not closed: {self._text}")

    def _piece(self) -> str:
        """Take one character, one escaped character, or one variable."""
        char = self._text[self._at]
        self._at += 1
        if char == "\\":
            if self._at == len(self._text):
                raise DockerfileError(f"nothing follows the last backslash: {self._text}")
            self._at += 1
            return self._text[self._at - 1]
        return self._variable() if char == "$" else char

    def _variable(self) -> str:
        if not self._text.startswith("{", self._at):
            return self._variables.get(self._name(), "")
        self._at += 1
        name = self._name()
        operator = self._text[self._at : self._at + 2]
        if operator in {":-", ":+"}:
            self._at += 2
            other = self._until_brace()
            value = self._variables.get(name, "")
            return (value or other) if operator == ":-" else (other if value else "")
        if operator[:1] != "}":
            raise DockerfileError(f"this form of a variable is not known here: {self._text}")
        self._at += 1
        return self._variables.get(name, "")

    def _until_brace(self) -> str:
        value = ""
        while self._at < len(self._text):
            if self._text[self._at] == "}":
                self._at += 1
                return value
            value += self._piece()
        raise DockerfileError(f"a brace is not closed: {self._text}")

    def _name(self) -> str:
        start = self._at
        while self._at < len(self._text) and (self._text[self._at].isalnum() or self._text[self._at] == "_"):
            self._at += 1
        if start == self._at:
            raise DockerfileError(f"a variable has no name: {self._text}")
        return self._text[start : self._at]
