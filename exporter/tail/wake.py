"""Wakes the loop when something happens in the followed directories. I/O through watchdog.

Only a hint: whatever is missed (network mounts, limits of inotify) the loop's own slow poll finds.
An event costs some hundred times what a look at a file costs, so growth is watched only while
nothing grows; files that do are polled.
Waking is coalesced: any number of events before the loop looks again is one wake. It goes through a
SimpleQueue, whose `put` may be called in a signal handler, also while the same thread waits on it.
"""

from __future__ import annotations

import logging
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from watchdog.observers.api import BaseObserver, ObservedWatch

_log = logging.getLogger(__name__)

_STRUCTURE = (
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
)


class Waker(FileSystemEventHandler):
    """An event that the loop waits for, set by changes in the watched directories and by `wake`."""

    def __init__(self) -> None:
        """Prepare; nothing is watched before `watch`."""
        self._queue: SimpleQueue[None] = SimpleQueue()
        self._woken = False
        self._moved = False
        self._observer: BaseObserver | None = None
        self._watches: dict[str, ObservedWatch] = {}
        self._gone: set[str] = set()
        self._growth = True
        self._asleep: AbstractSet[str] = frozenset()

    def watch(self, directories: set[str], asleep: AbstractSet[str] = frozenset(), *, growth: bool = True) -> None:
        """Watch exactly these directories, none of them recursively; one that cannot be is left to the poll.

        Files that come, go or are renamed always wake, those that grow only with `growth`. `asleep`
        are the paths of files that are not held open: a write to one asks for the globs, so that it is
        opened at once (without `growth`, when they are evaluated next).
        """
        self._asleep = asleep
        gone, self._gone = self._gone, set()
        if growth is not self._growth:
            self._growth = growth
            gone |= set(self._watches)
        for directory in set(self._watches) - (directories - gone):
            self._unwatch(directory)
        for directory in directories - set(self._watches):
            try:
                kinds = [*_STRUCTURE, FileModifiedEvent] if growth else [*_STRUCTURE]
                self._watches[directory] = self._running().schedule(self, directory, event_filter=kinds)
                self._notice_move()  # what came before the watch was in place told nobody
            except OSError as error:
                _log.warning(
                    "a directory cannot be watched, its logs are polled: %s", error.strerror, extra={"path": directory}
                )

    def _running(self) -> BaseObserver:
        if self._observer is None:
            self._observer = Observer()
            self._observer.daemon = True
            self._observer.start()
        return self._observer

    def _unwatch(self, directory: str) -> None:
        watch = self._watches.pop(directory)
        if self._observer is not None:
            try:
                self._observer.unschedule(watch)
            except (KeyError, OSError):
                return  # the directory is gone, and its watch with it

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take one event from the observer's thread."""
        if isinstance(event, (DirDeletedEvent, DirMovedEvent)):
            self._gone.add(str(event.src_path))  # its watch goes with it, also where it is made again at once
        if isinstance(event, _STRUCTURE) or event.src_path in self._asleep:
            self._notice_move()
        else:
            self.wake()

    def _notice_move(self) -> None:
        self._moved = True
        self.wake()

    def wake(self) -> None:
        """Wake the loop; for any thread and for signal handlers."""
        if not self._woken:
            self._woken = True
            self._queue.put(None)

    def wait(self, timeout: float) -> None:
        """Return when something happened since the last call, or after `timeout` seconds."""
        try:
            self._queue.get(timeout=max(0.0, timeout))
        except Empty:
            return
        self._woken = False

    def moved(self) -> bool:
        """Tell whether files came, went or were renamed since the last call."""
        if not self._moved:
            return False
        self._moved = False
        return True

    def close(self) -> None:
        """Stop watching."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(2.0)
            self._observer = None
        self._watches.clear()
