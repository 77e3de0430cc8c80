"""The payer's pages."""

from payseal.web.pages.routes import pages_router

__all__ = ["pages_router"]
