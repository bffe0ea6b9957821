"""Settings: where they come from, how they are checked, how paths resolve, and what is shown of them."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import make_url

from zenctx.config import OPTIONS, Settings, load_settings
from zenctx.config.options import MAX_INLINE_BYTES
from zenctx.context import estimate
from zenctx.context.rules import EngineReads, FileStrategy, OnMissing, StorageRules
from zenctx.errors import SettingsError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home of its own, so that no settings of the person who runs the tests are found."""
    directory = tmp_path / "home"
    monkeypatch.setenv("HOME", str(directory))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return directory


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A working directory without a settings file."""
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


def load(
    cwd: Path,
    text: str | None = None,
    *,
    options: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Loads settings in `cwd`, whose settings file, if any, holds `text`."""
    if text is not None:
        (cwd / "zenctx.toml").write_text(text)
    return load_settings(options or {}, config_file=None, environ=environ or {}, cwd=cwd)


def refused(
    cwd: Path,
    text: str | None = None,
    *,
    options: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> SettingsError:
    """Gives the error of loading such settings."""
    with pytest.raises(SettingsError) as caught:
        load(cwd, text, options=options, environ=environ)
    assert caught.value.exit_code == 12
    assert "\n" not in caught.value.message
    return caught.value


class TestPrecedence:
    """The first place that names a setting wins, and is named as its origin."""

    def test_defaults(self, cwd: Path) -> None:
        """Without any source every setting has the application's default, and says so."""
        settings = load(cwd)

        assert settings.storage_rules() == StorageRules(engine_reads=EngineReads.PUBLISHED)
        assert settings.base64_threshold_bytes == 524288
        assert settings.temp_file_prefix == "zenflow-ctx-"
        assert settings.persistent_file_dir.text == "./data/context-files/persistent"
        assert (settings.file_strategy, settings.on_missing) == (FileStrategy.HYBRID, OnMissing.FAIL)
        assert (settings.file_mode, settings.file_group, settings.locator_root) == (0o440, None, None)
        assert (settings.persistent_file_retention_days, settings.trash_retention_days) == (30, 7)
        assert settings.orphan_cleanup_schedule == "0 0 2 * * ?"
        assert settings.persistence_enabled
        assert "*password*" in settings.redact_keys
        assert settings.origins == {option.name: "default" for option in OPTIONS}

    def test_options_over_variables_over_file_over_defaults(self, cwd: Path) -> None:
        """Each place gives what no earlier one has named."""
        settings = load(
            cwd,
            "trash-retention-days = 3\npersistent-file-retention-days = 3\njson-threshold-bytes = 3\n",
            environ={"ZENCTX_TRASH_RETENTION_DAYS": "2", "ZENCTX_PERSISTENT_FILE_RETENTION_DAYS": "2"},
            options={"trash-retention-days": "1"},
        )

        assert settings.trash_retention_days == 1
        assert settings.persistent_file_retention_days == 2
        assert settings.json_threshold_bytes == 3
        assert settings.memory_threshold_bytes == 1048576
        assert settings.origins["trash-retention-days"] == "option --trash-retention-days"
        assert settings.origins["persistent-file-retention-days"] == "ZENCTX_PERSISTENT_FILE_RETENTION_DAYS"
        assert settings.origins["json-threshold-bytes"] == str(cwd / "zenctx.toml")
        assert settings.origins["memory-threshold-bytes"] == "default"

    @pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
    def test_every_setting_has_a_variable(self, cwd: Path, option: object) -> None:
        """Every setting can be set by its variable, which then is its origin."""
        values = {"db": "sqlite://", "file-group": "zenflow", "engine-dir": "/srv", "locator-root": "/app"}
        values["snapshots"] = "s3://bucket/prefix"
        values["snapshot-keep"] = "last 7, within 30d"
        values["spring"] = str(cwd / "application.properties")
        (cwd / "application.properties").touch()
        for known in OPTIONS:
            if known is option:
                settings = load(cwd, environ={known.variable: values.get(known.name, known.default)})
                assert settings.origins[known.name] == known.variable

    def test_an_empty_variable_counts_as_not_set(self, cwd: Path) -> None:
        """`ZENCTX_X= zenctx ...` is the shell's way to unset a variable for one command."""
        settings = load(cwd, "trash-retention-days = 3", environ={"ZENCTX_TRASH_RETENTION_DAYS": ""})

        assert settings.trash_retention_days == 3

    def test_an_overridden_value_is_not_looked_at(self, cwd: Path) -> None:
        """A wrong value can be put right from the command line."""
        assert load(cwd, "trash-retention-days = 'x'", options={"trash-retention-days": "1"}).trash_retention_days == 1

    def test_the_named_file_takes_the_place_of_the_usual_ones(self, cwd: Path) -> None:
        """With --config the file of the working directory is not read at all."""
        (cwd / "zenctx.toml").write_text("trash-retention-days = 1\nnonsense = 1")
        (cwd / "other.toml").write_text("json-threshold-bytes = 5")

        settings = load_settings({}, config_file=Path("other.toml"), environ={}, cwd=cwd)

        assert settings.json_threshold_bytes == 5
        assert settings.trash_retention_days == 7

    def test_the_users_file_is_read_last(self, cwd: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The user's file counts when the working directory has none."""
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "etc"))
        file = home / "etc" / "zenctx" / "zenctx.toml"
        file.parent.mkdir(parents=True)
        file.write_text("trash-retention-days = 9")

        assert load(cwd).trash_retention_days == 9
        assert load(cwd).origins["trash-retention-days"] == str(file)
        assert load(cwd, "json-threshold-bytes = 5").trash_retention_days == 7

    def test_tables_are_names_with_dots(self, cwd: Path) -> None:
        """`persistence.enabled` may stand in a table, with a dot, or in quotes."""
        for text in ("[persistence]\nenabled = false", "persistence.enabled = false", '"persistence.enabled" = false'):
            assert not load(cwd, text).persistence_enabled

    def test_reading_creates_nothing(self, cwd: Path, home: Path) -> None:
        """Settings are looked for without leaving a trace, the default database included."""
        settings = load(cwd)

        assert settings.db == f"sqlite:///{home}/.local/share/zenctx/zenctx.db" or "Application Support" in settings.db
        assert not home.exists()
        assert list(cwd.iterdir()) == []


class TestFile:
    """What a settings file may hold."""

    def test_a_missing_named_file_is_an_error(self, cwd: Path) -> None:
        """A file named by --config must be there."""
        with pytest.raises(SettingsError, match=r"work/gone\.toml cannot be read: no such file") as caught:
            load_settings({}, config_file=Path("gone.toml"), environ={}, cwd=cwd)
        assert caught.value.hint

    def test_a_dangling_link_is_an_error(self, cwd: Path) -> None:
        """A settings file that points at nothing is not passed over in silence."""
        (cwd / "zenctx.toml").symlink_to("gone.toml")

        assert "cannot be read" in refused(cwd).message

    def test_a_directory_is_an_error(self, cwd: Path) -> None:
        """A directory in the place of the file is named."""
        (cwd / "zenctx.toml").mkdir()

        assert "is a directory" in refused(cwd).message

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("trash-retention-days = 1\nfile-mode = 0440\n", "at line 2, column 14"),
            ("db = \nfile-mode = '0440'", "at line 1, column 6"),
            ("db = ", "at line 1, column 6"),
            ("trash-retention-days = 1\ndb = 'x", "at line 2, column 8"),
            ("a = 1\na = 2\n", "at line 2, column 6"),
        ],
    )
    def test_malformed_toml_is_named_by_line_and_column(self, cwd: Path, text: str, place: str) -> None:
        """The sentence leads to the place in the file."""
        message = refused(cwd, text).message

        assert place in message
        assert str(cwd / "zenctx.toml") in message

    def test_text_that_is_not_utf_8(self, cwd: Path) -> None:
        """A file in another encoding is named by line and column too."""
        (cwd / "zenctx.toml").write_bytes(b"trash-retention-days = 1\nfile-group = '\xe9'\n")

        assert "at line 2, column 15: text that is not UTF-8" in refused(cwd).message

    @pytest.mark.parametrize("text", ["x = " + "1" * 5000, "x = " + "[" * 100_000])
    def test_absurd_files_are_refused_in_one_sentence(self, cwd: Path, text: str) -> None:
        """What Python's reader gives up on ends in a sentence, not in a traceback."""
        assert "is not a settings file" in refused(cwd, text).message

    @pytest.mark.parametrize(
        ("text", "nearest"),
        [
            ("persistant-file-dir = 'x'", "did you mean persistent-file-dir?"),
            ("persistent_file_dir = 'x'", "did you mean persistent-file-dir?"),
            ("[persistence]\nenable = true", "did you mean persistence.enabled?"),
            ("persistence = true", "did you mean persistence.enabled?"),
            ("[db]\nurl = 'sqlite://'", "docs/configuration.md lists every setting"),
            ("[frobnication]", "docs/configuration.md lists every setting"),
        ],
    )
    def test_unknown_names_are_refused_with_the_nearest(self, cwd: Path, text: str, nearest: str) -> None:
        """A misspelt setting is never ignored."""
        error = refused(cwd, text)

        assert "unknown setting" in error.message
        assert error.hint is not None
        assert error.hint.startswith(nearest)

    def test_a_setting_named_twice(self, cwd: Path) -> None:
        """Two spellings of one name in one file contradict each other."""
        assert "twice" in refused(cwd, "'persistence.enabled' = true\n[persistence]\nenabled = false").message

    def test_unknown_variables_are_refused_with_the_nearest(self, cwd: Path) -> None:
        """A misspelt variable is never ignored; those of tests are left alone, and so are empty ones."""
        error = refused(cwd, environ={"ZENCTX_FILEMODE": "0400"})

        assert error.message == "the variable ZENCTX_FILEMODE sets nothing"
        assert error.hint == "did you mean ZENCTX_FILE_MODE?"
        load(cwd, environ={"ZENCTX_TEST_DATABASE_URL": "x", "ZENCTX_NONE": "", "ZENCTXX": "1"})

    def test_unknown_options_are_refused_with_the_nearest(self, cwd: Path) -> None:
        """The same holds for callers that hand over options."""
        assert refused(cwd, options={"filemode": "1"}).hint == "did you mean --file-mode?"


class TestValues:
    """Every value is checked, and a wrong one is named with its place."""

    @pytest.mark.parametrize(
        ("spelling", "size"),
        [("0", 0), ("4096", 4096), ("1_048_576", 1048576), ("'1 MiB'", 1048576), ("'2KiB'", 2048), ("'1_0'", 10)],
    )
    def test_sizes(self, cwd: Path, spelling: str, size: int) -> None:
        """Sizes are bytes, or carry a unit."""
        assert load(cwd, f"memory-threshold-bytes = {spelling}").memory_threshold_bytes == size
        variable = {"ZENCTX_MEMORY_THRESHOLD_BYTES": spelling.strip("'")}
        assert load(cwd, environ=variable).memory_threshold_bytes == size

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("memory-threshold-bytes = 'lots'", "must be a whole number of bytes, not 'lots'"),
            ("memory-threshold-bytes = '1 MB'", "must be a whole number of bytes, not '1 MB'"),
            ("memory-threshold-bytes = '१'", "must be a whole number of bytes, not '१'"),
            ("memory-threshold-bytes = 1.5", "must be a whole number of bytes, not 1.5"),
            ("memory-threshold-bytes = true", "must be a whole number of bytes, not true"),
            ("memory-threshold-bytes = -1", "must be from 0 to 9223372036854775807 bytes, not -1"),
            (f"memory-threshold-bytes = 0x{'f' * 9999}", "bytes, not a far larger number"),
            ("inline-file-threshold-bytes = 15_000_001", "must be from 0 to 15000000 bytes, not 15000001"),
            ("trash-retention-days = -1", "must be a whole number of days from 0 to 36500, not -1"),
            ("trash-retention-days = '99999999999'", "must be a whole number of days from 0 to 36500"),
            ("trash-retention-days = 2026-01-01", "not a date or time"),
            ("checksum-enabled = 'maybe'", "must be true or false, not 'maybe'"),
            ("checksum-enabled = 1", "must be true or false, not 1"),
            ("on-missing = 'ignore'", "must be one of fail, skip, null, empty, not 'ignore'"),
            ("engine-reads = true", "must be one of published, all, not true"),
            ("file-mode = 440", "must be an octal file mode in quotes such as '0440', not 440"),
            ("file-mode = '0489'", "must be an octal file mode in quotes such as '0440', not '0489'"),
            ("file-mode = '0640'", "must be a file mode that lets the owner read and nobody write or execute"),
            ("file-mode = '0040'", "must be a file mode that lets the owner read and nobody write or execute"),
            ("file-mode = '4440'", "must be a file mode that lets the owner read and nobody write or execute"),
            ("temp-file-prefix = ''", "must be a text that is not empty"),
            ("temp-file-prefix = 'zenctx-x'", "must be the beginning of a file name"),
            ("temp-file-prefix = 'a/b'", "must be the beginning of a file name"),
            ("orphan-cleanup-schedule = '0 2 * * *'", "must be a Quartz cron expression of six or seven fields"),
            ("orphan-cleanup-schedule = '0 0 2 * * $'", "must be a Quartz cron expression of six or seven fields"),
            ("locator-root = '/données'", "must be a path of ASCII characters"),
            ("file-group = 'a:b'", "must be the name or number of a group"),
            ("redact-keys = [1]", "must be a list of name patterns, not a list"),
            ("persistent-file-dir = 's3://bucket'", "must be a local path, not a URL"),
            ("persistent-file-dir = '~/data'", "must be a path without '~', not '~/data'"),
            ("persistent-file-dir = ['a']", "must be a text in quotes, not a list"),
            ('engine-dir = "a\\u0000b"', "must be a text without control characters"),
            ("db = 'zenflow.db'", "must be a database URL"),
            ("db = 'sqlite:///~/zenflow.db'", "must be a path without '~'"),
        ],
    )
    def test_wrong_values_are_refused_in_one_sentence(self, cwd: Path, text: str, sentence: str) -> None:
        """The sentence names the setting, its file, and what it must be."""
        message = refused(cwd, text).message

        assert message.startswith(f"'{text.partition(' ')[0]}' in {cwd / 'zenctx.toml'} must be ")
        assert sentence in message

    def test_the_place_of_a_wrong_value_is_named(self, cwd: Path) -> None:
        """Options and variables are named as they were written."""
        assert refused(cwd, options={"file-mode": "rw"}).message.startswith("option --file-mode must be ")
        assert refused(cwd, environ={"ZENCTX_FILE_MODE": "rw"}).message.startswith("ZENCTX_FILE_MODE must be ")

    def test_long_values_are_cut_in_messages(self, cwd: Path) -> None:
        """A message stays one readable sentence."""
        assert len(refused(cwd, options={"file-mode": "x" * 10_000}).message) < 200

    @pytest.mark.parametrize(("spelling", "mode"), [("0440", 0o440), ("400", 0o400), ("0o444", 0o444)])
    def test_file_modes(self, cwd: Path, spelling: str, mode: int) -> None:
        """Modes are octal texts."""
        settings = load(cwd, options={"file-mode": spelling})

        assert settings.file_mode == mode
        assert settings.shown()["file-mode"] == f"{mode:04o}"

    @pytest.mark.parametrize("word", ["false", "no", "off", "0", "FALSE"])
    def test_booleans_as_text(self, cwd: Path, word: str) -> None:
        """Variables have no type, so words will do."""
        assert not load(cwd, environ={"ZENCTX_CHECKSUM_ENABLED": word}).checksum_enabled

    def test_patterns(self, cwd: Path) -> None:
        """Patterns are a TOML list or a text with commas; an empty list leaves the reserved keys alone."""
        assert load(cwd, "redact-keys = ['*iban*', 'a,b']").redact_keys == ("*iban*", "a,b")
        assert load(cwd, options={"redact-keys": "*iban*, *pin"}).redact_keys == ("*iban*", "*pin")
        assert load(cwd, "redact-keys = []").redact_keys == ()

    def test_a_group_may_be_a_number(self, cwd: Path) -> None:
        """A group is named or numbered, in TOML without quotes too."""
        assert load(cwd, "file-group = 1000").file_group == "1000"
        assert load(cwd, "file-group = 'zenflow'").file_group == "zenflow"

    def test_the_inline_limit_is_the_engines(self) -> None:
        """The greatest inline threshold is what the conversion takes for the engine's limit."""
        assert MAX_INLINE_BYTES == estimate.MAX_INLINE_BYTES

    def test_storage_rules_carry_the_settings(self, cwd: Path) -> None:
        """Each threshold and choice arrives where it decides."""
        rules = load(
            cwd,
            "memory-threshold-bytes = 1\njson-threshold-bytes = 2\ninline-file-threshold-bytes = 3\n"
            "engine-reads = 'all'\nfile-strategy = 'inline'\nchecksum-enabled = false",
        ).storage_rules()

        assert rules == StorageRules(1, 2, 3, EngineReads.ALL, FileStrategy.INLINE, checksums=False)


class TestPaths:
    """Relative paths start at the file that names them, else at the working directory."""

    def test_from_a_settings_file(self, cwd: Path, tmp_path: Path) -> None:
        """A settings file elsewhere moves its own paths with it, and the engine's directory, but no default."""
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc" / "zenctx.toml").write_text("persistent-file-dir = './live/'\ndb = 'sqlite:///x.db'\n")

        settings = load_settings({}, config_file=Path("../etc/zenctx.toml"), environ={}, cwd=cwd)

        etc = cwd / ".." / "etc"
        assert settings.persistent_file_dir.text == "./live"
        assert settings.persistent_file_dir.path == etc / "live"
        assert settings.engine_dir == etc
        assert settings.db == f"sqlite:///{etc}/x.db"
        assert settings.file_storage_dir.path == cwd / "data/context-files"

    def test_from_options_and_variables(self, cwd: Path) -> None:
        """What is written at the command line starts at the working directory."""
        settings = load(cwd, options={"persistent-file-dir": "live"}, environ={"ZENCTX_ENGINE_DIR": "engine"})

        assert settings.persistent_file_dir.path == cwd / "live"
        assert settings.engine_dir == cwd / "engine"

    def test_absolute_paths_stay(self, cwd: Path) -> None:
        """An absolute directory is its own path; links are not resolved."""
        (cwd / "link").symlink_to("/nowhere")

        settings = load(cwd, f"persistent-file-dir = '{cwd}/link'")

        assert settings.persistent_file_dir.text == f"{cwd}/link"
        assert settings.persistent_file_dir.path == cwd / "link"
        assert settings.engine_dir == cwd

    @pytest.mark.parametrize(
        ("url", "anchored"),
        [
            ("sqlite:///x.db", "sqlite:///{}/x.db"),
            ("sqlite:///./x.db?timeout=5", "sqlite:///{}/x.db?timeout=5"),
            ("sqlite+pysqlite:///a/x.db", "sqlite+pysqlite:///{}/a/x.db"),
            ("SQLite:///x.db", "SQLite:///{}/x.db"),
            ("jdbc:sqlite:x.db", "jdbc:sqlite:{}/x.db"),
            ("sqlite:////abs/x.db", "sqlite:////abs/x.db"),
            ("jdbc:sqlite:/abs/x.db", "jdbc:sqlite:/abs/x.db"),
            ("sqlite://", "sqlite://"),
            ("sqlite:///:memory:", "sqlite:///:memory:"),
            ("jdbc:sqlite::memory:", "jdbc:sqlite::memory:"),
            ("sqlite:///file:x?mode=memory&uri=true", "sqlite:///file:x?mode=memory&uri=true"),
            ("postgresql://h/x.db", "postgresql://h/x.db"),
        ],
    )
    def test_sqlite_files_become_absolute(self, cwd: Path, url: str, anchored: str) -> None:
        """Relative paths of SQLite files start where all others do; no other URL changes."""
        assert load(cwd, f"db = '{url}'").db == anchored.format(cwd)

    def test_a_directory_with_url_characters(self, tmp_path: Path) -> None:
        """SQLAlchemy reads back the file that was meant, whatever the directory is called."""
        directory = tmp_path / "50% off? #1"
        directory.mkdir()

        assert make_url(load(directory, "db = 'sqlite:///x.db'").db).database == str(directory / "x.db")

    def test_the_default_repository(self, cwd: Path) -> None:
        """Snapshots lie beside the persistent directory, outside the engine's directory of temporaries."""
        assert load(cwd).snapshots == str(cwd / "data" / "zenctx-snapshots")
        apart = load(cwd, "persistent-file-dir = '/srv/live'\nfile-storage-dir = '/tmp/context'")
        assert apart.snapshots == "/srv/zenctx-snapshots"

    def test_repositories(self, cwd: Path) -> None:
        """A repository is a directory or a URL."""
        assert load(cwd, "snapshots = 'backup'").snapshots == str(cwd / "backup")
        assert load(cwd, "snapshots = 's3://bucket/zenflow'").snapshots == "s3://bucket/zenflow"

    def test_directories_that_contradict_each_other(self, cwd: Path) -> None:
        """Neither temporary files nor snapshots may lie among the persistent files."""
        inside = "persistent-file-dir = 'data'\nfile-storage-dir = 'data/../data/tmp'"
        assert "file-storage-dir must not lie in persistent-file-dir" in refused(cwd, inside).message
        same = "persistent-file-dir = 'data'\nfile-storage-dir = './data'"
        assert "file-storage-dir must not lie in persistent-file-dir" in refused(cwd, same).message
        snapshots = "persistent-file-dir = 'live'\nsnapshots = 'live/snapshots'"
        assert "snapshots must not lie in persistent-file-dir" in refused(cwd, snapshots).message

    def test_without_a_home(self, cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A user without a home directory needs a database by name, and nothing else."""
        monkeypatch.setattr("os.path.expanduser", lambda path: path)

        assert "no home directory" in refused(cwd).message
        assert load(cwd, options={"db": "sqlite://"}).db == "sqlite://"


class TestShown:
    """What `config show` prints."""

    def test_every_setting_in_order_without_passwords(self, cwd: Path) -> None:
        """Values are shown as they would be written, URLs masked."""
        shown = load(
            cwd, "db = 'postgresql://u:hunter22@h/d'\nsnapshots = 'https://k:hunter22@s3/b'\nchecksum-enabled = false"
        ).shown()

        assert list(shown) == [option.name for option in OPTIONS]
        assert shown["db"] == "postgresql://u:***@h/d"
        assert shown["snapshots"] == "https://k:***@s3/b"
        assert shown["checksum-enabled"] == "false"
        assert shown["locator-root"] == "not set"
        assert shown["persistent-file-dir"] == str(cwd / "data/context-files/persistent")
        assert shown["engine-reads"] == "published"

    @pytest.mark.parametrize(
        "text",
        [
            "db = 'u:hunter22@h'",
            "db = ['postgresql://u:hunter22@h/d']",
            "file-mode = 'postgresql://u:hunter22@h/d'",
            "on-missing = 'postgresql://h/d?password=hunter22'",
            "persistent-file-dir = 'postgresql://u:hunter22@h/d'",
            'db = "postgresql://u:hunter22\\n@h/d"',
            "db = 'postgresql://u:hunter22@h/d' oops",
        ],
    )
    def test_no_message_holds_a_password(self, cwd: Path, text: str) -> None:
        """A password in the wrong place does not reach the terminal either."""
        error = refused(cwd, text)

        assert "hunter22" not in error.message + (error.hint or "")


def test_importing_the_settings_is_cheap() -> None:
    """Neither the database library nor the user's directories are loaded before they are needed."""
    script = "import sys, zenctx.config; print(*{'sqlalchemy', 'platformdirs', 'msgspec', 'orjson'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
