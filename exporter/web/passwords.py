"""Checks passwords against bcrypt hashes, and remembers what it found without holding a password.

A check takes the processor for a twentieth of a second or more, by design. So one that was made is
remembered by a keyed hash of user, bcrypt hash and password; others are made one at a time, in a thread that yields
to everything else, with only so many waiting. Thus nobody who guesses can slow down a scrape or the logs.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import bcrypt

if TYPE_CHECKING:
    from collections.abc import Mapping

WAITING: Final = 32
"""Checks that may wait for their turn; who comes then is told to come again."""
REMEMBERED: Final = 256
"""Checks that are remembered, of right and of wrong passwords each, so that guesses push out no right one."""

_BCRYPT_BYTES: Final = 72
"""bcrypt looks at no more: https://en.wikipedia.org/wiki/Bcrypt#Maximum_password_length. Go cuts there, too."""
_KINDEST: Final = 19


class BusyError(Exception):
    """Too many checks are waiting."""


class Passwords:
    """Checks and remembers. Used from one event loop."""

    def __init__(self, waiting: int = WAITING) -> None:
        """Draw the key of what is remembered, and make the thread, which starts with the first check."""
        self._secret = os.urandom(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._most = waiting
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_yield_to_others)

    async def check(self, users: Mapping[bytes, bytes], name: bytes, password: bytes) -> bool:
        """Tell whether `name` is one of `users` (which is not empty) and this its password. Raises BusyError.

        An unknown name takes as long as the user whose hash takes longest, at the first time and at the next.
        """
        known = name in users
        hashed = users[name] if known else max(users.values(), key=_cost)
        key = self._key(name, hashed, password)
        if key in self._right:
            self._right.move_to_end(key)
            return True
        if key in self._wrong:
            return False
        if self._waiting >= self._most:
            raise BusyError
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            fits = await loop.run_in_executor(self._thread, _fits, password, hashed)
        finally:
            self._waiting -= 1
        right = fits and known
        _remember(self._right if right else self._wrong, key)
        return right

    def _key(self, *parts: bytes) -> bytes:
        found = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            found.update(len(part).to_bytes(8, "big") + part)
        return found.digest()


def _remember(keys: OrderedDict[bytes, None], key: bytes) -> None:
    keys[key] = None
    if len(keys) > REMEMBERED:
        keys.popitem(last=False)


def _cost(hashed: bytes) -> bytes:
    return hashed.split(b"$")[2]


def _fits(password: bytes, hashed: bytes) -> bool:
    return bcrypt.checkpw(password[:_BCRYPT_BYTES], hashed)


def _yield_to_others() -> None:
    # On Linux a priority is a thread's own, see setpriority(2).
    with suppress(PermissionError):  # a sandbox may forbid it
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _KINDEST)
