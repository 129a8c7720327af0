"""What the reconciler answers over HTTP."""
