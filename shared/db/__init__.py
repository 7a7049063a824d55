"""PostgreSQL for the services: one database and one role each, a pool, a unit of work, forward-only migrations."""

from shared.db.pool import Database, DatabaseUnavailable
from shared.db.unit_of_work import Transaction, UnitOfWork

__all__ = ["Database", "DatabaseUnavailable", "Transaction", "UnitOfWork"]
