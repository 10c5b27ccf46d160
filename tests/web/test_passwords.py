"""exporter.web.passwords: right and wrong ones, what is remembered, and what guessing costs."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING

import bcrypt
import pytest

from exporter.web.passwords import REMEMBERED, WAITING, BusyError, Passwords

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = b"correct horse battery staple"


def hashed(password: bytes, cost: int = 4) -> bytes:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost))


USERS = {b"prometheus": hashed(SECRET), b"other": hashed(b"x")}


def check(name: bytes, password: bytes, users: Mapping[bytes, bytes] = USERS) -> bool:
    return asyncio.run(Passwords().check(users, name, password))


def test_right_and_wrong() -> None:
    """A user's own password fits, and no other user's, no other name, and no part of it."""
    assert check(b"prometheus", SECRET)
    assert not check(b"prometheus", b"x")
    assert not check(b"prometheus", SECRET[:-1])
    assert not check(b"nobody", SECRET)
    assert not check(b"", b"")


@pytest.mark.parametrize("version", [b"2a", b"2b", b"2y"])
def test_versions_of_bcrypt(version: bytes) -> None:
    """Hashes of htpasswd (2y) and of other tools are read."""
    users = {b"a": USERS[b"prometheus"].replace(b"$2b$", b"$" + version + b"$")}
    assert check(b"a", SECRET, users)
    assert not check(b"a", b"wrong", users)


def test_long_passwords() -> None:
    """Of a password beyond 72 bytes the first 72 count, as for htpasswd and Prometheus; NUL is a byte like others."""
    users = {b"a": hashed(b"p" * 72), b"b": hashed(b"a\0b")}
    assert check(b"a", b"p" * 100, users)
    assert not check(b"a", b"p" * 71, users)
    assert check(b"b", b"a\0b", users)
    assert not check(b"b", b"a", users)


def test_a_right_password_is_remembered() -> None:
    """The second check takes no bcrypt: far under a millisecond, where the first takes many."""
    users = {b"a": hashed(SECRET, 10)}
    passwords = Passwords()

    async def both() -> tuple[float, float]:
        times = []
        for _ in range(2):
            began = time.perf_counter()
            assert await passwords.check(users, b"a", SECRET)
            times.append(time.perf_counter() - began)
        return times[0], times[1]

    first, second = asyncio.run(both())
    assert first > 0.02
    assert second < 0.005


def test_nothing_is_remembered_beyond_the_hash() -> None:
    """A user whose hash was changed needs the new password, and a removed one gets in no more."""
    passwords = Passwords()

    async def change() -> list[bool]:
        return [
            await passwords.check(USERS, b"prometheus", SECRET),
            await passwords.check(USERS | {b"prometheus": hashed(b"new")}, b"prometheus", SECRET),
            await passwords.check({b"other": USERS[b"other"]}, b"prometheus", SECRET),
        ]

    assert asyncio.run(change()) == [True, False, False]


def test_unknown_users_take_as_long() -> None:
    """A name that does not exist costs what the dearest user costs, at the first time, and nothing at the next."""
    users = {b"cheap": hashed(b"x"), b"dear": hashed(SECRET, 11)}
    passwords = Passwords()

    async def timed(name: bytes) -> float:
        began = time.perf_counter()
        assert not await passwords.check(users, name, b"wrong")
        return time.perf_counter() - began

    async def all_of_them() -> tuple[float, float, float]:
        return await timed(b"dear"), await timed(b"nobody"), await timed(b"nobody")

    dear, unknown, again = asyncio.run(all_of_them())
    assert 0.3 < unknown / dear < 3
    assert again < dear / 5


def test_no_password_is_held() -> None:
    """What is remembered of a check is a hash with a key that no other process has, not the password."""
    passwords = Passwords()
    guess = os.urandom(8).hex().encode()
    asyncio.run(passwords.check(USERS, b"prometheus", bytes(guess)))
    held = {*passwords._right, *passwords._wrong}
    assert held
    assert all(len(one) == 32 and guess not in one for one in held)
    other = Passwords()
    asyncio.run(other.check(USERS, b"prometheus", bytes(guess)))
    assert held.isdisjoint((*other._right, *other._wrong))


def test_guesses_push_out_no_right_one() -> None:
    """However many passwords are guessed, what is remembered is bounded, and the right one stays."""
    passwords = Passwords()

    async def guess() -> None:
        assert await passwords.check(USERS, b"prometheus", SECRET)
        right = next(iter(passwords._right))
        for number in range(REMEMBERED + 10):
            assert not await passwords.check(USERS, b"prometheus", b"%d" % number)
        assert list(passwords._right) == [right]
        assert len(passwords._wrong) == REMEMBERED

    asyncio.run(guess())


def test_only_so_many_wait() -> None:
    """Beyond the bound a check is refused at once, a remembered one is not, and later all goes on."""
    users = {b"a": hashed(SECRET, 8)}
    passwords = Passwords()

    async def crowd() -> None:
        assert await passwords.check(users, b"a", SECRET)
        guesses = [asyncio.ensure_future(passwords.check(users, b"a", b"%d" % number)) for number in range(WAITING)]
        with pytest.raises(BusyError):
            await asyncio.ensure_future(passwords.check(users, b"a", b"one more"))  # a task begins behind those before
        assert await passwords.check(users, b"a", SECRET)
        assert not any(await asyncio.gather(*guesses))
        assert not await passwords.check(users, b"a", b"one more")

    asyncio.run(crowd())


def test_checks_yield_to_everything_else() -> None:
    """The thread that computes has the lowest priority of all, and the others keep theirs."""
    passwords = Passwords()
    asyncio.run(passwords.check(USERS, b"prometheus", SECRET))
    nice = passwords._thread.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert nice == 19
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < 19 or os.nice(0) == 19
