"""`python -m exporter` and the installed command are `booking-exporter`."""

import gc

# Nothing that a start imports is garbage: to look for some takes a tenth of its time.
gc.disable()

from exporter.cli import main  # noqa: E402  # see above

gc.enable()

if __name__ == "__main__":
    main()
