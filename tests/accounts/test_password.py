from __future__ import annotations

import asyncio
import threading

import pytest

from payseal.accounts import Passwords, WeakPassword
from payseal.accounts.password import CONCURRENT_MAX, WAITING_MAX, check_password
from payseal.core.errors import Unavailable


@pytest.mark.parametrize(
    "password",
    [
        *("blue kettle on the moon", "x7#kQ!m2Lp9z", "Zwölf kleine Äpfel", "дванадцять слів тут"),
        *(
            "k" * 5 + "q" * 60 + "zebra",
            "🦊🦊 fox and den 🦊",
            "a password of my own",
            "v" + "wq9 " * 31,
        ),
    ],
)
def test_a_password_may_be(password):
    check_password(password, "nora", "shop@example.com")


@pytest.mark.parametrize(
    "password",
    [
        *("", "short", "elevenchars", "x7#kQ!m2Lp9z" * 11),
        *("aaaaaaaaaaaa", "            ", "abababababab", "abcabcabcabc", "1234123412341234"),
        *("password1234", "Password1234!", "P@ssw0rd1234", "passwordpassword", "123password!"),
        *("123456789012", "098765432109", "qwertyuiop12", "1q2w3e4r5t6y", "abcdefghijkl"),
        *("iloveyou2026", "Administrator1", "letmeinletmein", "aaaaaaaaaaaab", "welcome_welcome"),
        *("my name is nora", "NORA-and-friends", "shopkeeper of it", "an.nora.password"),
        *("blue kettle\non the moon", "blue kettle\0on the moon", "blue kettle \ud800 on the moon"),
    ],
)
def test_a_password_may_not_be(password):
    with pytest.raises(WeakPassword) as refused:
        check_password(password, "Nora", "Shop@example.com")

    assert refused.value.members == {"field": "password"}
    assert not password or password not in str(refused.value)


async def test_a_password_fits_its_own_hash_only(passwords):
    kept = await passwords.hash("blue kettle on the moon")

    assert kept.startswith("$argon2id$")
    assert await passwords.verify(kept, "blue kettle on the moon")
    for other in ("blue kettle on the moo", "", "Blue kettle on the moon", "x" * 70_000, "\ud800"):
        assert not await passwords.verify(kept, other)


async def test_the_same_letters_typed_on_another_keyboard_fit(passwords):
    kept = await passwords.hash("cafe\u0301 on the moon")

    assert await passwords.verify(kept, "caf\u00e9 on the moon")


async def test_nobody_has_a_password(passwords):
    assert not await passwords.verify(None, "blue kettle on the moon")


async def test_one_password_hashed_twice_gives_two_texts(passwords):
    assert await passwords.hash("x") != await passwords.hash("x")


async def test_the_costs_are_those_of_owasp(entropy):
    passwords = Passwords(entropy)
    kept = await passwords.hash("x")

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not passwords.is_outdated(kept)
    assert Passwords(entropy, passes=3).is_outdated(kept)


async def test_only_a_few_are_hashed_at_once_and_a_long_queue_is_turned_away(passwords):
    running, most, lock = 0, 0, threading.Lock()
    gate = threading.Event()

    class Slow:
        def verify(self, kept, password):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            gate.wait(5)
            with lock:
                running -= 1
            return True

    passwords._hasher = Slow()
    waiting = [asyncio.create_task(passwords.verify("x", "y")) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0.05)
    with pytest.raises(Unavailable):
        await passwords.verify("x", "y")
    gate.set()

    assert all(await asyncio.gather(*waiting))
    assert most == CONCURRENT_MAX
