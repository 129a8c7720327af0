"""Webhooks that set themselves up: what is wanted, looking after it, and putting it right."""

from reconciler.connect.senders import SenderGuide, guides
from reconciler.connect.wanted import wanted_webhooks
from reconciler.connect.watch import ConnectionWatch, hint_on

__all__ = ["ConnectionWatch", "SenderGuide", "guides", "hint_on", "wanted_webhooks"]
