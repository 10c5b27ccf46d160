"""Coverage-guided fuzzing of the way from bytes to records, with atheris (the extra `fuzz`, Linux x86-64 only).

`python -m tests.fuzz.fuzz_records tests/fuzz/corpus` runs until a finding, and takes libFuzzer's
options (https://llvm.org/docs/LibFuzzer.html#options), such as -max_total_time=60. A finding is
written to a file `crash-…`: mend the cause, and keep the file in tests/fuzz/corpus, which
`make test` replays. Inputs that reached something new are kept in the first folder named.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

DICTIONARY = Path(__file__).with_name("records.dict")


def main() -> None:
    """Fuzz until the options say otherwise."""
    try:
        atheris = import_module("atheris")
    except ImportError:
        sys.exit("atheris is not installed: pip install -e '.[fuzz]' (it has wheels for Linux on x86-64 only)")
    with atheris.instrument_imports(include=["exporter.records", "exporter.events.classify", "exporter.events.fields"]):
        check = import_module("tests.fuzz.target").check
    atheris.Setup([sys.argv[0], f"-dict={DICTIONARY}", "-timeout=20", "-rss_limit_mb=1024", *sys.argv[1:]], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
