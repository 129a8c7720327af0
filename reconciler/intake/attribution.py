"""Which torrents a person says belong to a deletion: `{"hashes": ["…"]}`."""

from reconciler.intake.hashes import read_hashes
from reconciler.intake.loose import shown
from reconciler.intake.problems import FieldProblem, InvalidPayload
from reconciler.model import InfoHash


def parse_attribution(payload: object) -> tuple[InfoHash, ...]:
    """Return the info hashes named, at least one. Raises `InvalidPayload` with everything that is wrong."""
    if not isinstance(payload, dict):
        raise InvalidPayload([FieldProblem("", 'send a JSON object: {"hashes": ["…"]}')])
    problems = [FieldProblem(shown(key), "is not known; remove it") for key in payload if key != "hashes"]
    listed = payload.get("hashes")
    if not isinstance(listed, list) or not listed:
        raise InvalidPayload([*problems, FieldProblem("hashes", "must be a list with at least one info hash")])
    hashes = read_hashes(
        ((f"hashes[{position}]", value) for position, value in enumerate(listed)),
        lambda field, message: problems.append(FieldProblem(field, message)),
    )
    if problems:
        raise InvalidPayload(problems)
    return hashes
