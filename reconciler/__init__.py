"""The deletion reconciler: what was asked to go, goes everywhere, and the evidence is shown."""

__version__ = "0.1.0"
