"""Webhooks that set themselves up: what is wanted, looking after it, and putting it right."""

from reconciler.connect.senders import SenderGuide, guides
from reconciler.connect.wanted import wanted_webhooks

__all__ = ["SenderGuide", "guides", "wanted_webhooks"]
