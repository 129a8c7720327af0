import pytest

from tests.unit.web.fakes import World


@pytest.fixture
def world() -> World:
    return World()
