"""New keys, made by a command beside the server, reach it in time."""

import httpx

from tests.e2e.processes import until

RELOADED_WITHIN_S = 20


def test_new_keys_are_published_within_seconds_and_old_ones_stay(server, rotated):
    def published():
        keys = httpx.get(f"{server.url}/.well-known/jwks.json").json()["keys"]
        kids = {key["kid"] for key in keys}
        assert rotated.before <= kids
        return rotated.made <= kids

    until(published, RELOADED_WITHIN_S)
    assert httpx.get(rotated.link["url"]).status_code == 200
