"""`python -m reconciler.config` writes the reference of all settings, which is `docs/configuration.md`."""

import sys

from reconciler.config.reference import settings_markdown

sys.stdout.write(settings_markdown())
