"""Hypothesis profiles; `make property` loads `thorough`. CI's own profile comes with Hypothesis."""

from hypothesis import settings

settings.register_profile("thorough", max_examples=5000, deadline=None)
