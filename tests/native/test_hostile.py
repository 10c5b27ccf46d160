"""The native part never reads outside a block, whatever the block holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hatch_build import compiler

SOURCE = Path(__file__).with_name("hostile.c")
SANITIZERS = ("-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def scan(folder: Path, seed: int, seconds: int) -> subprocess.CompletedProcess[str]:
    """Build the program that scans hostile blocks with sanitizers, and run it."""
    command = compiler()
    assert command is not None
    program = folder / "hostile"
    subprocess.run([*command, *SANITIZERS, str(SOURCE), "-o", str(program)], check=True)
    return subprocess.run([str(program), str(seed), str(seconds)], capture_output=True, text=True, check=False)


@pytest.mark.skipif(compiler() is None, reason="without a C compiler there is no native part")
def test_no_byte_outside_is_read(tmp_path: Path) -> None:
    """AddressSanitizer and UBSan find nothing while a second's worth of hostile blocks is scanned."""
    done = scan(tmp_path, 1, 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout.split()[0]) >= 1000


def main() -> None:
    """Scan for the seconds, from the seed, that the command line names."""
    with TemporaryDirectory() as folder:
        done = scan(Path(folder), int(sys.argv[2]), int(sys.argv[1]))
    sys.stdout.write(done.stdout + done.stderr)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
