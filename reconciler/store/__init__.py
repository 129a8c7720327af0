"""The database: the deletion log, the ledger and the lease, on PostgreSQL or SQLite with one meaning.

`open_store` opens it for a service, `migrate` only brings its schema up to date. Everything raises `StoreError`.
"""

from reconciler.store.opening import migrate, open_store

__all__ = ["migrate", "open_store"]
