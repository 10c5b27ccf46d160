"""Loading: what a configuration gives, and how its problems are told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from exporter.config.load import ConfigError, Overrides, default_state_path, load
from exporter.config.schema import (
    EventSettings,
    JournalSettings,
    Listen,
    LogSettings,
    Settings,
    StateSettings,
    config_hash,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD = Path(__file__).parent / "bad"

EXAMPLE = """\
listen: {address: 127.0.0.1, port: 10877}
logs:
  - name: app
    paths: ["/var/www/api-gateway/current/storage/logs/laravel*.log",
            "/var/www/api-gateway/current/storage/logs/calcom*.log"]
    rotated: []                 # further globs where rotated copies are sought
    timezone: Europe/Berlin     # the app's app.timezone
    start: beginning            # or end
    ignore_channels: [testing]
    quiet_after: 500ms
events: {builtin: true, files: []}
state: {path: /var/lib/booking-exporter/state.sqlite}
log: {level: info, format: json}
"""

TWO_LOGS = "logs: [{name: a, paths: [/a.log]}, {name: b, paths: [/b.log]}]\n"


def load_text(
    tmp_path: Path, text: str, environ: Mapping[str, str] | None = None, overrides: Overrides | None = None
) -> Settings:
    path = tmp_path / "exporter.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ or {}, overrides or Overrides())


def problems(
    tmp_path: Path, text: str, environ: Mapping[str, str] | None = None, overrides: Overrides | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text, environ, overrides)
    return [one.removeprefix(f"{tmp_path}/") for one in caught.value.problems]


def as_file(settings: Settings) -> dict[str, object]:
    """Return the settings in the words of the file."""
    return {
        "listen": {"address": settings.listen.address, "port": settings.listen.port},
        "logs": [
            {
                "name": log.name,
                "paths": list(log.paths),
                "rotated": list(log.rotated),
                "timezone": log.timezone,
                "start": log.start,
                "ignore_channels": sorted(log.ignore_channels),
                "quiet_after": f"{log.quiet_after * 1000:g}ms",
            }
            for log in settings.logs
        ],
        "events": {"builtin": settings.events.builtin, "files": [str(one) for one in settings.events.files]},
        "state": {"path": str(settings.state.path)},
        "log": {"level": settings.log.level, "format": settings.log.format},
    }


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_bad_file_is_told_in_full(path: Path) -> None:
    """Every problem of a bad configuration is told at once, with its line and remedy, in these words."""
    with pytest.raises(ConfigError) as caught:
        load(path, {}, Overrides())
    told = "".join(one.removeprefix(f"{path.parent}/") + "\n" for one in caught.value.problems)
    assert told == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_message_stands_beside_a_bad_file() -> None:
    """No expected message is left over from a file that is gone."""
    assert {one.stem for one in BAD.glob("*.txt")} == {one.stem for one in BAD.glob("*.yaml")}


def test_the_documented_example_is_read_as_written(tmp_path: Path) -> None:
    """The example of the documentation gives exactly these settings."""
    assert load_text(tmp_path, EXAMPLE) == Settings(
        listen=Listen("127.0.0.1", 10877),
        logs=(
            LogSettings(
                name="app",
                paths=(
                    "/var/www/api-gateway/current/storage/logs/laravel*.log",
                    "/var/www/api-gateway/current/storage/logs/calcom*.log",
                ),
                rotated=(),
                timezone="Europe/Berlin",
                start="beginning",
                ignore_channels=frozenset({"testing"}),
                quiet_after=0.5,
            ),
        ),
        events=EventSettings(builtin=True, files=()),
        state=StateSettings(Path("/var/lib/booking-exporter/state.sqlite")),
        log=JournalSettings("info", "json"),
    )


def test_settings_survive_a_round_trip(tmp_path: Path) -> None:
    """Settings written as a file again are the same settings."""
    settings = load_text(tmp_path, EXAMPLE)
    assert load_text(tmp_path, yaml.safe_dump(as_file(settings))) == settings


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff", "logs: []\n"])
def test_an_empty_file_gives_the_defaults(tmp_path: Path, text: str) -> None:
    """Without any setting the defaults hold, as they do without a file."""
    assert load_text(tmp_path, text) == load(None, {}, Overrides())
    assert load_text(tmp_path, text) == Settings(
        Listen("127.0.0.1", 10877), (), EventSettings(), StateSettings(None), JournalSettings("info", "json")
    )


def test_relative_paths_are_those_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths become absolute; symlinks and `..` stay, for they may lead elsewhere later."""
    (tmp_path / "releases").mkdir()
    (tmp_path / "current").symlink_to("releases")
    monkeypatch.chdir(tmp_path)
    text = "logs: [{name: app, paths: [current/../laravel*.log, ./x.log]}]\nevents: {files: [mine.yaml]}\n"
    settings = load_text(tmp_path, text)
    assert settings.logs[0].paths == (f"{tmp_path}/current/../laravel*.log", f"{tmp_path}/x.log")
    assert settings.events.files == (tmp_path / "mine.yaml",)


def test_equal_paths_count_once(tmp_path: Path) -> None:
    """A path that is named twice is followed once."""
    assert load_text(tmp_path, "logs: [{name: a, paths: [/a, /b, /a]}]").logs[0].paths == ("/a", "/b")


@pytest.mark.parametrize(("written", "read"), [("::1", "::1"), ("[::1]", "::1"), ("localhost", "localhost")])
def test_addresses_may_be_ipv6_or_names(tmp_path: Path, written: str, read: str) -> None:
    """IPv6 addresses are taken with and without brackets, host names as they are."""
    assert load_text(tmp_path, f"listen: {{address: '{written}'}}").listen.address == read


@pytest.mark.parametrize(("written", "seconds"), [("500ms", 0.5), ("2s", 2.0), ("0.25s", 0.25), ("60s", 60.0)])
def test_durations_have_units(tmp_path: Path, written: str, seconds: float) -> None:
    """Milliseconds and seconds are read as such."""
    text = f"logs: [{{name: a, paths: [/a], quiet_after: {written}}}]"
    assert load_text(tmp_path, text).logs[0].quiet_after == pytest.approx(seconds)


def test_yaml_anchors_serve_several_logs(tmp_path: Path) -> None:
    """Aliases and merge keys work as YAML has them."""
    text = (
        "logs:\n  - &first {name: a, paths: [/a], timezone: Europe/Berlin}\n  - {<<: *first, name: b, timezone: UTC}\n"
    )
    settings = load_text(tmp_path, text)
    assert [(one.name, one.timezone) for one in settings.logs] == [("a", "Europe/Berlin"), ("b", "UTC")]


def test_the_command_line_replaces_the_logs(tmp_path: Path) -> None:
    """--log makes one log named app, in UTC unless --timezone is given, in place of those of the file."""
    settings = load_text(tmp_path, TWO_LOGS, overrides=Overrides(logs=("/x/laravel*.log", "/x/calcom*.log")))
    assert settings.logs == (LogSettings("app", ("/x/laravel*.log", "/x/calcom*.log")),)
    settings = load_text(tmp_path, TWO_LOGS, overrides=Overrides(logs=("/x",), timezone="Asia/Tokyo"))
    assert settings.logs[0].timezone == "Asia/Tokyo"


def test_the_command_line_needs_no_file() -> None:
    """Every option of the command line takes effect without a file."""
    settings = load(None, {}, Overrides(("/x",), "UTC", "/tmp/state", "[::1]:0"))  # noqa: S108  # nothing is written
    assert settings.state.path == Path("/tmp/state")  # noqa: S108  # the same
    assert settings.listen == Listen("::1", 0)


def test_the_environment_overrides_scalars(tmp_path: Path) -> None:
    """Each scalar setting has its variable, converted as YAML would convert it."""
    environ = {
        "PATH": "/bin",
        "BOOKING_EXPORTER_LISTEN_ADDRESS": "0.0.0.0",  # noqa: S104  # nothing is bound
        "BOOKING_EXPORTER_LISTEN_PORT": "9999",
        "BOOKING_EXPORTER_STATE_PATH": "/s",
        "BOOKING_EXPORTER_EVENTS_BUILTIN": "False",
        "BOOKING_EXPORTER_LOG_LEVEL": "debug",
        "BOOKING_EXPORTER_LOG_FORMAT": "text",
        "BOOKING_EXPORTER_NAME": "web",
        "BOOKING_EXPORTER_TIMEZONE": "Asia/Tokyo",
        "BOOKING_EXPORTER_START": "end",
        "BOOKING_EXPORTER_QUIET_AFTER": "1s",
    }
    settings = load_text(tmp_path, EXAMPLE, environ)
    assert settings.listen == Listen("0.0.0.0", 9999)  # noqa: S104  # nothing is bound
    assert settings.state.path == Path("/s")
    assert settings.events.builtin is False
    assert settings.log == JournalSettings("debug", "text")
    log = settings.logs[0]
    assert (log.name, log.timezone, log.start, log.quiet_after) == ("web", "Asia/Tokyo", "end", 1.0)


def test_the_command_line_wins_over_the_environment(tmp_path: Path) -> None:
    """File, environment, command line: the later wins."""
    environ = {
        "BOOKING_EXPORTER_TIMEZONE": "Asia/Tokyo",
        "BOOKING_EXPORTER_STATE_PATH": "/e",
        "BOOKING_EXPORTER_LISTEN_PORT": "1",
    }
    overrides = Overrides(timezone="UTC", state="/c", listen="127.0.0.2:2")
    settings = load_text(tmp_path, EXAMPLE, environ, overrides)
    assert (settings.logs[0].timezone, settings.state.path) == ("UTC", Path("/c"))
    assert settings.listen == Listen("127.0.0.2", 2)


def test_bad_overrides_are_told_by_their_names(tmp_path: Path) -> None:
    """A problem of an override names its variable or option, after those of the file."""
    environ = {
        "BOOKING_EXPORTER_LISTEN_ADRESS": "::1",
        "BOOKING_EXPORTER_LISTEN_PORT": "many",
        "BOOKING_EXPORTER_EVENTS_BUILTIN": "maybe",
    }
    overrides = Overrides(logs=("~/x", ""), timezone="Nowhere", listen=":9")
    assert problems(tmp_path, "log: {level: loud}\n", environ, overrides) == [
        "exporter.yaml:1: log.level: must be debug, info, warning or error",
        "BOOKING_EXPORTER_LISTEN_PORT: must be a whole number, not text",
        "--log: begins with ~, which is not expanded here; write the full path",
        "--log: is empty; write a path",
        "--timezone: no time zone has this name; write an IANA name such as Europe/Berlin or UTC",
        "BOOKING_EXPORTER_EVENTS_BUILTIN: must be true or false, not text",
        (
            "BOOKING_EXPORTER_LISTEN_ADRESS: no setting has this environment variable; "
            "did you mean BOOKING_EXPORTER_LISTEN_ADDRESS?"
        ),
        "--listen: is not ADDR:PORT; write for example 127.0.0.1:10877",
    ]


def test_an_unknown_variable_is_told_what_is_known(tmp_path: Path) -> None:
    """A variable that is like none gets the whole list."""
    (told,) = problems(tmp_path, "", {"BOOKING_EXPORTER_XYZ": ""})
    assert told.startswith("BOOKING_EXPORTER_XYZ: no setting has this environment variable; known are ")
    assert "BOOKING_EXPORTER_QUIET_AFTER" in told
    assert "PATHS" not in told


@pytest.mark.parametrize(
    ("text", "count", "remedy"),
    [("", 0, "give --log or write the log into the file"), (TWO_LOGS, 2, "set it per log in the file")],
)
def test_a_log_override_needs_one_log(tmp_path: Path, text: str, count: int, remedy: str) -> None:
    """What is for a single log is refused where there is none, or more than one."""
    expected = f"--timezone: is for a configuration with one log, this one has {count}; {remedy}"
    assert problems(tmp_path, text, overrides=Overrides(timezone="UTC")) == [expected]


@pytest.mark.parametrize("text", ["listen: 5\n", "logs: [5]\n"])
def test_an_override_does_not_hide_a_wrong_section(tmp_path: Path, text: str) -> None:
    """Where the file has something else than a section, that is told, and the override stands aside."""
    environ = {"BOOKING_EXPORTER_LISTEN_PORT": "1"} if "listen" in text else {"BOOKING_EXPORTER_START": "end"}
    (told,) = problems(tmp_path, text, environ)
    assert "must be a section, not a number" in told


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing file, a directory and an endless file each give one clear message."""
    for path, reason in (
        (tmp_path / "none.yaml", "no such file or directory"),
        (tmp_path, "is a directory"),
        (Path("/dev/zero"), "is larger than 1 MiB"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(path, {}, Overrides())
        (told,) = caught.value.problems
        assert told.startswith(f"{path}: {reason}; give the path of a ")


def test_default_state_path_is_systemds() -> None:
    """Systemd's first state directory is used, else the usual one."""
    assert default_state_path({"STATE_DIRECTORY": "/run/a:/run/b"}) == Path("/run/a/state.sqlite")
    assert default_state_path({}) == Path("/var/lib/booking-exporter/state.sqlite")


def test_config_hash_tells_settings_apart(tmp_path: Path) -> None:
    """Equal settings have equal hashes of 32 bits, on every machine; any change gives another."""
    settings = load_text(tmp_path, EXAMPLE)
    assert config_hash(settings) == config_hash(load_text(tmp_path, EXAMPLE + "# a comment\n"))
    assert config_hash(settings) == 2340210700
    changed = load_text(tmp_path, EXAMPLE.replace("testing", "test"))
    assert config_hash(changed) != config_hash(settings)


@pytest.mark.parametrize(
    "where", ["logs: *a39", "logs: [{name: a, paths: *a39}]", "events: {files: *a39}", "listen: *a39"]
)
def test_aliases_of_aliases(tmp_path: Path, where: str) -> None:
    """Aliases that stand for more values than there are atoms are refused like any wrong value, at once."""
    file = tmp_path / "bomb.yaml"
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{row}: &a{row} [{', '.join([f'*a{row - 1}'] * 9)}]" for row in range(1, 40)]
    merged = [f"m{row}: &m{row} {{<<: [*m{row - 1}, *m{row - 1}, *m{row - 1}]}}" for row in range(1, 40)]
    file.write_text("\n".join([*rows, "m0: &m0 {k: 1}", *merged, where]) + "\n")
    began = time.process_time()
    with pytest.raises(ConfigError) as caught:
        load(file, {}, Overrides())
    assert time.process_time() - began < 2
    assert sum(len(one) for one in caught.value.problems) < 100_000
