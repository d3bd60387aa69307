"""Settings: their order of origin, their types, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from ralph.config import Config, Setting, load
from ralph.errors import Misconfigured


def origin_of(settings: list[Setting], name: str) -> str:
    return next(setting.origin for setting in settings if setting.name == name)


def test_a_flag_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    (tmp_path / "ralph.toml").write_text('port = 1001\n[log]\nlevel = "warning"\n')
    environment = {"RALPH_HOME": str(tmp_path)}
    config, settings = load({}, environment)
    assert (config.port, config.log.level, config.host) == (1001, "warning", "127.0.0.1")
    assert origin_of(settings, "port") == f"file {tmp_path / 'ralph.toml'}"
    config, settings = load({}, {**environment, "RALPH_PORT": "1002", "RALPH_LOG__LEVEL": "error"})
    assert (config.port, config.log.level) == (1002, "error")
    assert origin_of(settings, "log.level") == "environment RALPH_LOG__LEVEL"
    config, settings = load({"port": 1003, "host": None}, {**environment, "RALPH_PORT": "1002"})
    assert config.port == 1003
    assert origin_of(settings, "port") == "flag --port"
    assert origin_of(settings, "host") == "default"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RALPH_PROT": "1"}, "did you mean port"),
        ({"RALPH_PORT": "eighty"}, "RALPH_PORT"),
        ({"RALPH_PORT": "70000"}, "0 to 65535"),
        ({"RALPH_LOG__LEVEL": "loud"}, "log.level"),
        ({"RALPH_DATABASE_URL": "mysql://u:secret@h/d"}, "postgresql://"),
        ({"RALPH_REDIS_URL": "memcached://h"}, "redis://"),
        ({"RALPH_DATABASE_URL_FILE": "/nowhere/at/all"}, "cannot read"),
        ({"RALPH_LIMITS__BODY_BYTES": "1"}, "limits.body_bytes"),
        ({"RALPH_EMBEDDED__CHECK_INTERVAL_S": "0"}, "seconds"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_origin_and_what_would_do(environment: dict[str, str], said: str) -> None:
    with pytest.raises(Misconfigured, match="RALPH_") as caught:
        load({}, environment)
    assert said in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "did you mean port"),
        ("port = ", "not TOML"),
        ('home = "/x"', "RALPH_HOME"),
        ("[log]\nlvl = 1", "log.level"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "ralph.toml").write_text(text)
    with pytest.raises(Misconfigured) as caught:
        load({"home": str(tmp_path)}, {})
    assert said in caught.value.message


def test_secrets_come_from_files_and_are_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://u:pass-word@h/d\n")
    config, settings = load({"home": str(tmp_path)}, {"RALPH_DATABASE_URL_FILE": str(secret)})
    assert config.database_url == "postgresql://u:pass-word@h/d"
    assert all("pass-word" not in setting.shown for setting in settings)


def test_variables_of_tests_and_other_programs_are_left_alone(tmp_path: Path) -> None:
    config, _ = load({"home": str(tmp_path)}, {"RALPH_SHARED_DIR": "x", "PATH": "y"})
    assert config == Config(home=tmp_path)


def test_lists_are_split_at_commas(tmp_path: Path) -> None:
    config, _ = load({"home": str(tmp_path)}, {"RALPH_ALLOWED_HOSTS": "ralph.local,nas"})
    assert config.allowed_hosts == ("ralph.local", "nas")
