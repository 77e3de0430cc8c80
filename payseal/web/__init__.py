"""The HTTP edge: the API, the pages, and what stands before them."""

from payseal.web.app import create_app
from payseal.web.kept import Once
from payseal.web.parts import Parts, Rates

__all__ = ["Once", "Parts", "Rates", "create_app"]
