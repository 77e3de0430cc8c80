"""Passwords: which ones are taken, and how they are kept (argon2id)."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError

from payseal.core.errors import Invalid, Unavailable

PASSWORD_MIN, PASSWORD_MAX = 12, 128
MEMORY_KIB, PASSES, LANES = 19456, 2, 1  # OWASP's advice for argon2id
SALT_BYTES = 16
# Each hash takes MEMORY_KIB, and a core for some 20 ms.
CONCURRENT_MAX, WAITING_MAX = 2, 100
_NAME_MIN = 3
# What remains of the passwords that are guessed first, once digits and signs are taken away.
_COMMON_WORDS = """
password passwort motdepasse contrasena passwordpassword mypassword thisismypassword secret
qwerty qwertyqwerty qwertyuiop qwertz azerty asdfghjkl qazwsxedc qweasdzxc abc abcabc abcd abcdef
letmein letmeinletmein welcome welcomewelcome admin administrator login guest user root toor
iloveyou changeme changemeplease default master monkey dragon sunshine princess football baseball
superman batman starwars trustno whatever computer internet opensesame correcthorsebatterystaple
hello helloworld test testtest testing payment payseal
""".split()  # noqa: SIM905  # a list of one word a line is a page long
_LOOKALIKES = str.maketrans("@4301$57!", "aaeoisstl")
_AROUND = "0123456789!?.,-_#*$@ "
_RUNS = ("0123456789" * 3, "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
_KEYBOARD = (
    *("1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "1qaz2wsx3edc4rfv5tgb6yhn"),
    *("zaq12wsxcde34rfvbgt5", "zaq1xsw2cde3vfr4", "qazwsxedcrfvtgbyhnujmikolp"),
    *("1234567890qwertyuiop", "qwertyuiop1234567890", "qwertyuiop[]asdfghjkl;"),
)

T = TypeVar("T")


class WeakPassword(Invalid):
    """Too short or long, or among the first that anyone would guess."""

    code, title = "weak_password", "Please choose another password."


def check_password(password: str, username: str, email: str) -> None:
    """`WeakPassword` unless it may be taken by that user (NIST SP 800-63B, 3.1.1.2)."""
    text = _plain(password)
    if not PASSWORD_MIN <= len(text) <= PASSWORD_MAX:
        _refuse(f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        _refuse("A password has no control characters.")
    lower = text.casefold()
    names = (username.casefold(), email.casefold().partition("@")[0])
    if any(len(name) >= _NAME_MIN and name in lower for name in names):
        _refuse("A password does not contain your name or e-mail address.")
    if _is_common(lower):
        _refuse("This password is one of the first that others would try.")


class Passwords:
    """Hashes passwords in threads, a few at a time."""

    def __init__(
        self, entropy: Callable[[int], bytes], *, memory_kib: int = MEMORY_KIB, passes: int = PASSES
    ) -> None:
        self._entropy = entropy
        self._hasher = PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=LANES, type=Type.ID
        )
        # Verified in place of a user that there is not: it takes the same time, and never fits.
        self._nobody = self._hasher.hash(entropy(SALT_BYTES), salt=entropy(SALT_BYTES))
        self._turn = asyncio.Semaphore(CONCURRENT_MAX)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The text to keep: algorithm, costs, salt and hash."""
        salt = self._entropy(SALT_BYTES)
        return await self._in_thread(lambda: self._hasher.hash(_plain(password), salt=salt))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether it is that password. None, nobody's, takes the same time and is False."""

        def fits() -> bool:
            try:
                return self._hasher.verify(kept or self._nobody, _plain(password))
            except VerificationError:
                return False

        return await self._in_thread(fits) and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed at other costs than today's."""
        return self._hasher.check_needs_rehash(kept)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise Unavailable("Many are signing in at the moment.", retryAfter=1)
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _plain(password: str) -> str:
    # Keyboards spell one letter in several ways; a lone surrogate is no letter at all.
    text = unicodedata.normalize("NFKC", password)
    return text.encode("utf-8", "replace").decode()


def _is_common(lower: str) -> bool:
    # A few characters again and again, whatever the last three are.
    if any(lower.startswith(lower[:n] * ((len(lower) - 3) // n)) for n in (1, 2, 3, 4)):
        return True
    words = {
        re.sub(r"[^a-z]", "", text) for text in (lower, lower.strip(_AROUND).translate(_LOOKALIKES))
    }
    if not words.isdisjoint(_COMMON_WORDS):
        return True
    runs = (*_KEYBOARD, *_RUNS)
    return any(lower in run or lower[::-1] in run for run in runs)


def _refuse(why: str) -> None:
    raise WeakPassword(why, field="password")
