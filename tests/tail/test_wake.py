"""Waking by inotify, coalesced."""

from __future__ import annotations

import shutil
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from watchdog.events import DirDeletedEvent, FileCreatedEvent, FileModifiedEvent, FileSystemEvent

from exporter.tail.wake import Waker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def waker() -> Iterator[Waker]:
    """Return a waker, closed afterwards."""
    one = Waker()
    yield one
    one.close()


def woken(waker: Waker) -> bool:
    return not waker._queue.empty()


def test_any_number_of_events_is_one_wake(waker: Waker) -> None:
    """Events before the loop looks again wake it once; only structure asks for the globs."""
    for _ in range(5):
        waker.dispatch(FileModifiedEvent("/a"))
    assert not waker.moved()
    waker.wait(5)
    assert not woken(waker)
    waker.dispatch(FileCreatedEvent("/a"))
    assert waker.moved()
    assert not waker.moved()
    waker.wait(5)
    waker.wait(0)
    waker.wait(-1)
    assert not woken(waker)


def test_writing_to_a_file_that_is_not_held(waker: Waker, tmp_path: Path) -> None:
    """A write to a file that was closed for its idleness asks for the globs, which open it; one to another does not."""
    path = tmp_path / "a.log"
    path.write_bytes(b"1")
    waker.watch({str(tmp_path)}, {str(path)})
    assert waker.moved()  # what came before the watch was in place
    with path.open("ab") as file:
        file.write(b"2")
    wait_until(waker.moved, deadline=5, what="asked for the globs")
    waker.dispatch(FileModifiedEvent(str(tmp_path / "b.log")))
    assert not waker.moved()


def test_writing_and_creating_in_a_watched_directory(waker: Waker, tmp_path: Path) -> None:
    """A write wakes; a new file wakes and asks for the globs; a directory no longer named does neither."""
    path = tmp_path / "a.log"
    path.write_bytes(b"1")
    waker.watch({str(tmp_path)})
    assert waker.moved()  # what came before the watch was in place
    waker.wait(0)
    with path.open("ab") as file:
        file.write(b"2")
    wait_until(lambda: woken(waker), deadline=5, what="woken by a write")
    waker.wait(0)
    (tmp_path / "b.log").write_bytes(b"")
    wait_until(waker.moved, deadline=5, what="told of a new file")
    waker.watch(set())
    assert waker._watches == {}


class Recording(Waker):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[type[FileSystemEvent]] = set()

    def dispatch(self, event: FileSystemEvent) -> None:
        self.told.add(type(event))
        super().dispatch(event)


def test_growth_is_watched_only_where_asked(tmp_path: Path) -> None:
    """Without growth nobody is told of a write, of a rename always; each change of what is watched asks for a look."""
    waker = Recording()
    path = tmp_path / "a.log"
    path.write_bytes(b"1")
    for growth in (True, False, True):
        waker.watch({str(tmp_path)}, growth=growth)
        assert waker.moved()
        waker.watch({str(tmp_path)}, growth=growth)
        assert not waker.moved()
        waker.told.clear()
        with path.open("ab") as file:
            file.write(b"2")
        path = path.rename(tmp_path / f"{path.stem}b.log")
        wait_until(waker.moved, deadline=5, what="told of a rename")  # events come in order
        assert (FileModifiedEvent in waker.told) is growth
    waker.close()


def test_directory_that_is_made_again(waker: Waker, tmp_path: Path) -> None:
    """A watched directory that is deleted and made again is watched anew."""
    folder = tmp_path / "logs"
    folder.mkdir()
    waker.watch({str(folder)})
    before = waker._watches[str(folder)]
    waker.moved()
    shutil.rmtree(folder)
    folder.mkdir()
    wait_until(lambda: str(folder) in waker._gone, deadline=5, what="told that the directory went")
    waker.watch({str(folder)})
    assert waker._watches[str(folder)] is not before
    waker.moved()
    (folder / "a.log").write_bytes(b"")
    wait_until(waker.moved, deadline=5, what="told of a new file in it")


def test_directory_that_cannot_be_watched(waker: Waker, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be watched is said and left to the poll."""
    waker.watch({str(tmp_path / "none")})
    assert "cannot be watched" in caplog.text
    waker.dispatch(DirDeletedEvent(str(tmp_path / "none")))
    waker.watch(set())
    assert waker._watches == {}


def test_wake_in_a_signal_handler(waker: Waker) -> None:
    """A signal that comes while the loop waits ends the wait; no lock is taken that the waiter may hold."""
    before = signal.signal(signal.SIGUSR1, lambda *_: waker.wake())
    try:
        main = threading.main_thread().ident
        assert main is not None
        timer = threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGUSR1))
        timer.start()
        waker.wait(30)
        timer.join()
        assert not woken(waker)
    finally:
        signal.signal(signal.SIGUSR1, before)
