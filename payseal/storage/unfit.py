"""Why a store that is there cannot be used as it is.

Unfit               the text is a sentence for the operator, with what to do
├── NewerSchema     it was laid out by a newer Payseal
├── NotMigrated     the tables of PostgreSQL are missing or older
├── NotDurable      PostgreSQL may forget what it acknowledged
├── NoTable         there is no such table in DynamoDB
└── NotAsNeeded     there is, but it is not as Payseal needs it
"""

from __future__ import annotations


class Unfit(Exception):
    """It lacks something, or may forget what it has acknowledged."""


class NewerSchema(Unfit):
    """A newer Payseal has laid it out, and this one does not know how."""
