"""What is wrong with an explicit wish, field by field."""

from collections.abc import Sequence
from typing import NamedTuple

from reconciler.errors import ReconcilerError


class FieldProblem(NamedTuple):
    """`field` is a path such as `deletions[2].tmdb_id` (`""`: the whole body); `message` says what to send instead."""

    field: str
    message: str


class InvalidPayload(ReconcilerError):
    """The wish cannot be understood; nothing of it may be carried out. `problems` holds everything that is wrong."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__("; ".join(f"{problem.field or 'body'}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)
