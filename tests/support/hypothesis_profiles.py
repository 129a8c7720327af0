"""Hypothesis profiles for `make property` and `make mutants`. CI's own profile comes with Hypothesis."""

from hypothesis import Phase, settings

settings.register_profile("thorough", max_examples=5000, deadline=None)
settings.register_profile(
    "mutants", derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate]
)
