"""Foreign text in a message: one line, not endless, and nothing that messengers take for markup or mentions. Pure."""

import re
import unicodedata

REPLACED = "\N{REPLACEMENT CHARACTER}"

_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # emoji and some scripts need them
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # controls, bidi overrides, halves of pairs, private, unassigned

# Messengers differ in what they take for markup, and an escape that one understands is shown by the next. So each sign
# gives way to one that looks like it and means nothing.
_HARMLESS = str.maketrans(
    {
        "@": "\N{FULLWIDTH COMMERCIAL AT}",  # @everyone, @channel, @name
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",  # HTML, <!here>, <@id>
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
        "[": "(",  # [text](address)
        "]": ")",
        "*": "\N{ASTERISK OPERATOR}",
        "_": "\N{FULLWIDTH LOW LINE}",
        "~": "\N{TILDE OPERATOR}",
        "|": "\N{DIVIDES}",
        "`": "'",
    }
)
_ADDRESS = re.compile(r"(?<=[A-Za-z0-9]):(?=//)")
_SHORT_CODE = re.compile(r":(?=[A-Za-z0-9+-]+:)")  # :smile:
_COLON = "\N{MODIFIER LETTER COLON}"


def plain(text: str, most: int) -> str:
    """Return text of at most `most` characters that a messenger shows as it is."""
    line = " ".join(text[: most * 8].split())
    line = "".join(REPLACED if _is_unseen(sign) else sign for sign in line).translate(_HARMLESS)
    line = _SHORT_CODE.sub(_COLON, _ADDRESS.sub(_COLON, line))
    return cut(line, most)


def cut(text: str, most: int) -> str:
    """Return text of at most `most` characters; what is cut off is shown by an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _is_unseen(sign: str) -> bool:
    return unicodedata.category(sign) in _UNSEEN and sign not in _JOINERS
