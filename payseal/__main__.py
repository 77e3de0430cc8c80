"""`python -m payseal`."""

from payseal.cli import app

app(prog_name="payseal")
