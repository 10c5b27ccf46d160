"""Runs a program as a unit's seccomp filters would let it: `python -m tests.support.sandbox UNIT PROGRAM…`.

What systemd makes of SystemCallFilter=, MemoryDenyWriteExecute=, RestrictAddressFamilies= and RestrictNamespaces= is
made here of the same lines, by the same library (libseccomp). The sets of calls are those of the systemd that is
installed. Where a line allows no capability, root's are dropped first.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import subprocess
import sys
from pathlib import Path

from tests.support.units import values

LIBRARY = "libseccomp.so.2"
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000  # seccomp.h of libseccomp
_EQUAL, _MASKED = 4, 7
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
_ALL_FAMILIES = range(46)


class _Compare(ctypes.Structure):
    """`struct scmp_arg_cmp`."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def expanded(name: str) -> frozenset[str]:
    """Return the calls of a set such as @system-service, those of the sets in it too."""
    if not name.startswith("@"):
        return frozenset({name})
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
    ).stdout
    listed = [line.strip() for line in shown.splitlines()[1:] if not line.strip().startswith("#")]
    return frozenset().union(*(expanded(one) for one in listed if one))


def allowed(unit: Path) -> frozenset[str]:
    """Return the calls that the unit's SystemCallFilter= lines let through."""
    calls = expanded("@default")
    for line in values(unit, "SystemCallFilter"):
        named = frozenset().union(*(expanded(one) for one in line.removeprefix("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls | expanded("@default")


class _Filter:
    """One filter: what happens to calls that no rule names, and rules."""

    def __init__(self, library: ctypes.CDLL, otherwise: int) -> None:
        self._library = library
        library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(otherwise)))

    def rule(self, action: int, call: str, *compare: _Compare) -> None:
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:  # of another architecture
            return
        array = (_Compare * len(compare))(*compare)
        done = self._library.seccomp_rule_add_array(self._context, ctypes.c_uint32(action), number, len(compare), array)
        if done != 0:
            raise OSError(-done, f"{call}: {os.strerror(-done)}")

    def load(self) -> None:
        done = self._library.seccomp_load(self._context)
        if done != 0:
            raise OSError(-done, os.strerror(-done))


def confine(unit: Path) -> None:
    """Put this process, and what it becomes, under the filters of `unit`."""
    library = ctypes.CDLL(LIBRARY)
    calls = _Filter(library, _ERRNO | errno.EPERM)
    for call in allowed(unit):
        calls.rule(_ALLOW, call)
    rest = _Filter(library, _ALLOW)
    if values(unit, "MemoryDenyWriteExecute") == ["yes"]:
        both = mmap.PROT_WRITE | mmap.PROT_EXEC
        rest.rule(_ERRNO | errno.EPERM, "mmap", _Compare(2, _MASKED, both, both))
        for call in ("mprotect", "pkey_mprotect"):
            rest.rule(_ERRNO | errno.EPERM, call, _Compare(2, _MASKED, mmap.PROT_EXEC, mmap.PROT_EXEC))
    families = {_FAMILIES[one] for line in values(unit, "RestrictAddressFamilies") for one in line.split()}
    for family in _ALL_FAMILIES:
        if family not in families:
            rest.rule(_ERRNO | errno.EAFNOSUPPORT, "socket", _Compare(0, _EQUAL, family, 0))
    if values(unit, "RestrictNamespaces") == ["yes"]:
        for call, error in (("unshare", errno.EPERM), ("setns", errno.EPERM), ("clone3", errno.ENOSYS)):
            rest.rule(_ERRNO | error, call)
    rest.load()
    calls.load()


if __name__ == "__main__":
    confine(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  (the program that was named)
