"""The payer's pages."""

from payseal.web.pages.refusals import page_of
from payseal.web.pages.routes import pages_router

__all__ = ["page_of", "pages_router"]
