"""The list of faults that the property tests must find cannot rot."""

import pytest

from tests.property.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_of_a_fault_is_in_the_planner_exactly_once(mutant: Mutant) -> None:
    assert mutant.occurrences(ROOT) == 1
    assert mutant.before != mutant.after


def test_there_are_at_least_twenty_faults_of_different_names() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
