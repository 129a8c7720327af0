"""Every reason that waits for a person comes with advice."""

import pytest

from reconciler.reasons import MEANINGS, Effect, Reason
from reconciler.web.advice import ADVICE

WAITING_FOR_A_PERSON = {
    reason for reason, meaning in MEANINGS.items() if meaning.effect is Effect.HOLD or meaning.approvable
}


def test_there_is_advice_for_every_reason_a_person_can_settle_and_for_no_other() -> None:
    assert set(ADVICE) == WAITING_FOR_A_PERSON


@pytest.mark.parametrize("reason", sorted(ADVICE))
def test_advice_is_short_and_a_sentence(reason: Reason) -> None:
    assert 30 <= len(ADVICE[reason]) <= 250
    assert ADVICE[reason].endswith(".")


@pytest.mark.parametrize("reason", sorted(ADVICE))
def test_advice_mentions_an_approval_exactly_where_one_is_possible(reason: Reason) -> None:
    assert ("approve" in ADVICE[reason]) == MEANINGS[reason].approvable
