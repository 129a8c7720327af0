"""The licences of what is shipped: `make licences` writes docs/licences.md."""

from functools import cache
from pathlib import Path

from license_expression import AND, OR, ExpressionError, LicenseSymbol, Licensing, get_spdx_licensing

from tests.release.locked import Locked, read_lock

ROOT = Path(__file__).resolve().parents[2]

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MPL-2.0",  # for files that are passed on unchanged, as ours are
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    }
)
"""What may be passed on in one image with a program under the MIT licence."""

PAGE = """# Licences

The program is under the [MIT licence](../LICENSE). These packages come with it, in the image and with `pip install`;
`make licences` writes this list from `requirements.lock`. The text of each licence is in the package's `.dist-info`
folder, in the image below `/app/lib`. The image also holds Python (PSF-2.0) and the packages of Debian that its base
image has, whose licences are below `/usr/share/doc`.

| Package | Licence |
|---|---|
{rows}
"""


def is_allowed(expression: str) -> bool:
    """Tell whether all that is shipped under `expression` may be passed on."""
    try:
        return _allows(_spdx().parse(expression, validate=True, strict=True))
    except ExpressionError:
        return False


@cache
def _spdx() -> Licensing:
    """Every licence that SPDX knows; reading them takes a moment."""
    return get_spdx_licensing()


def _allows(parsed: object) -> bool:
    match parsed:
        case AND(args=args):
            return all(_allows(part) for part in args)
        case OR(args=args):
            return any(_allows(part) for part in args)
        case LicenseSymbol(key=key):
            return key in ALLOWED
        case _:
            return False


def troubles(packages: list[Locked]) -> list[str]:
    """Return what is wrong with the licences of what is shipped."""
    found = []
    for package in packages:
        if not package.is_shipped:
            continue
        if package.licence is None:
            known = "does not say its licence exactly" if package.about else "is not installed here in this version"
            found.append(f"{package.name} {package.version} {known}")
        elif not is_allowed(package.licence):
            found.append(f"{package.name} {package.version} is under {package.licence}")
    return found


def page(packages: list[Locked]) -> str:
    """Return docs/licences.md."""
    rows = [f"| {package.name} | {package.licence or 'unknown'} |" for package in packages if package.is_shipped]
    return PAGE.format(rows="\n".join(rows))


if __name__ == "__main__":
    (ROOT / "docs" / "licences.md").write_text(page(read_lock(ROOT / "requirements.lock")))
