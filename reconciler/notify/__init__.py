"""Telling people through messengers what happens to deletions."""

from reconciler.notify.messengers import Messenger, connect_messengers
from reconciler.notify.notifier import Notifier
from reconciler.notify.telling import Telling
from reconciler.notify.wording import Message, Wording

__all__ = ["Message", "Messenger", "Notifier", "Telling", "Wording", "connect_messengers"]
