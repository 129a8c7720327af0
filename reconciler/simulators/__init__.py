"""Stateful HTTP simulators of the upstreams, for the demo and the tests only."""
