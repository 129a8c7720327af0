"""One client per upstream, each the port of `reconciler.ports` spoken over HTTP."""
