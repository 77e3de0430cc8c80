"""Payseal: self-hosted payment links."""

__version__ = "0.1.0"
