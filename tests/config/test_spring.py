"""The application's own settings: the same as options, in the order in which the application reads them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zenctx.config import Settings, load_settings
from zenctx.database.url import parse_database_url
from zenctx.errors import SettingsError

SECRET = "hunter22"
REFVALUE = "zenflow.context.refvalue"
URL = "spring.datasource.url: jdbc:postgresql://db/x"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda text: "${" not in text and not text.startswith(("ENC(", "{cipher}"))
)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of an application; its user has a home without settings."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    directory = tmp_path / "app"
    directory.mkdir()
    return directory


def load(
    app: Path,
    text: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    files: Sequence[str] = ("application.yml",),
) -> Settings:
    """Loads settings with the application's files; `text` becomes its application.yml."""
    if text is not None:
        (app / "application.yml").write_text(text)
    spring = [app / file for file in files]
    return load_settings(options or {}, spring_files=spring, environ=environ or {}, cwd=app.parent)


def refused(app: Path, text: str, **others: Mapping[str, str]) -> SettingsError:
    """Gives the error of loading such settings."""
    with pytest.raises(SettingsError) as caught:
        load(app, text, **others)  # type: ignore[arg-type]
    assert "\n" not in caught.value.message
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


REAL = """
server: {port: 8080, ssl.enabled: no}
logging.level.root: off
spring:
  profiles.active: ${APP_PROFILES:dev}
  datasource:
    url: jdbc:postgresql://${DB_HOSTS:localhost}/${app.db:${DB_NAME:zenflow}}?sslmode=${SSL:prefer}
    username: ${DB_USER}
    password: ${DB_PASSWORD}
app.db: flow
zenflow.context:
  refvalue: {fileStorageDir: "${DATA:/data}/files", memory_threshold_bytes: 2MB, metrics-enabled: true}
---
spring.config.activate.on-profile: "prod & !test"
zenflow.context.refvalue:
  PERSISTENT-FILE-DIR: ${DATA:/data}/live
  orphanCleanupEnabled: off
  persistent-file-retention-days: 45
"""
PROFILE = """
zenflow.context:
  refvalue: {checksum-enabled: no, temp-file-prefix: "eu-", base64-threshold-bytes: 1_000}
  persistence.enabled: false
"""
ENVIRON = {
    "APP_PROFILES": "prod, eu",
    "DB_HOSTS": "a:5433,[::1]",
    "DB_USER": "flow user",
    "DB_PASSWORD": f"{SECRET}&?%",
    "SSL": "require",
    "DATA": "/srv",
    "ZENFLOW_CONTEXT_REFVALUE_JSONTHRESHOLDBYTES": "4096",
}
OPTIONS = {
    "db": "jdbc:postgresql://a:5433,[::1]/flow?sslmode=require&user=flow%20user&password=hunter22%26%3F%25",
    "file-storage-dir": "/srv/files",
    "persistent-file-dir": "/srv/live",
    "memory-threshold-bytes": "2 MiB",
    "json-threshold-bytes": "4096",
    "base64-threshold-bytes": "1000",
    "temp-file-prefix": "eu-",
    "checksum-enabled": "false",
    "orphan-cleanup-enabled": "false",
    "persistent-file-retention-days": "45",
    "persistence.enabled": "false",
}


def test_a_real_application_gives_the_same_settings_as_options(app: Path) -> None:
    """Two documents, a profile file, placeholders from the environment and from other keys, every way to spell."""
    (app / "application-eu.yml").write_text(PROFILE)
    spring = load(app, REAL, environ=ENVIRON)
    options = load_settings({**OPTIONS, "engine-dir": str(app)}, environ={}, cwd=app)
    engine = load(app, REAL, environ=ENVIRON, options={"engine-dir": str(app)})
    for field in fields(Settings):
        if field.name not in ("origins", "spring"):
            assert getattr(engine, field.name) == getattr(options, field.name), field.name
    assert spring.db == options.db


def test_origins_lead_to_the_place_and_hold_no_secret(app: Path) -> None:
    """File, document, profile, key as it is spelled, and the names that placeholders took; values are masked."""
    (app / "application-eu.yml").write_text(PROFILE)
    found = load(app, REAL, environ=ENVIRON)
    file = app / "application.yml"
    assert found.origins["persistent-file-dir"] == (
        f"{file} (document 2, profile prod & !test): zenflow.context.refvalue.PERSISTENT-FILE-DIR, with DATA"
    )
    assert found.origins["checksum-enabled"] == f"{app}/application-eu.yml: {REFVALUE}.checksum-enabled"
    assert found.origins["json-threshold-bytes"] == "ZENFLOW_CONTEXT_REFVALUE_JSONTHRESHOLDBYTES"
    assert found.origins["db"].split("; ") == [
        f"{file} (document 1): spring.datasource.url, with DB_HOSTS, app.db, SSL",
        f"{file} (document 1): spring.datasource.username, with DB_USER",
        f"{file} (document 1): spring.datasource.password, with DB_PASSWORD",
    ]
    assert found.origins["trash-retention-days"] == "default"
    assert SECRET not in str(found.shown())
    assert found.shown()["spring"] == str(file)


def test_every_other_place_wins_and_what_it_sets_is_not_looked_at(app: Path) -> None:
    """Option, variable and settings file stand above the application's, where a placeholder may be without a value."""
    text = f"""
spring.datasource: {{url: 'jdbc:h2:mem:x', password: '${{NOWHERE}}'}}
{REFVALUE}: {{temp-file-prefix: '${{NOWHERE}}', memory-threshold-bytes: x, json-threshold-bytes: 7}}
"""
    (app.parent / "zenctx.toml").write_text("memory-threshold-bytes = 5\njson-threshold-bytes = 5\n")
    found = load(
        app,
        text,
        options={"db": "sqlite:////x.db"},
        environ={"ZENCTX_TEMP_FILE_PREFIX": "a-", "ZENCTX_JSON_THRESHOLD_BYTES": "6"},
    )
    assert (found.db, found.temp_file_prefix) == ("sqlite:////x.db", "a-")
    assert (found.memory_threshold_bytes, found.json_threshold_bytes) == (5, 6)


def test_the_files_may_be_named_in_a_variable_or_in_the_settings_file(app: Path) -> None:
    """Relative ones start where all others do; the command line takes the place of both."""
    (app / "a,b.yml").write_text(f"{REFVALUE}.temp-file-prefix: b-")
    (app / "application.yml").write_text(f"{REFVALUE}.temp-file-prefix: a-")
    (app / "zenctx.toml").write_text("spring = ['application.yml', 'a,b.yml']")
    by_file = load_settings({}, config_file=app / "zenctx.toml", environ={}, cwd=app.parent)
    by_variable = load_settings({}, environ={"ZENCTX_SPRING": "app/application.yml"}, cwd=app.parent)
    (app / "x.yml").write_text(f"{REFVALUE}.temp-file-prefix: x-")
    by_option = load_settings({}, config_file=app / "zenctx.toml", spring_files=[Path("x.yml")], environ={}, cwd=app)
    assert (by_file.temp_file_prefix, by_variable.temp_file_prefix) == ("b-", "a-")
    assert by_file.spring == (app / "application.yml", app / "a,b.yml")
    assert (by_option.temp_file_prefix, by_option.origins["spring"]) == ("x-", "option --spring")


class TestFiles:
    """Which files and documents count, and which wins."""

    PREFIX = f"{REFVALUE}.temp-file-prefix"

    def prefix(self, app: Path, *texts: str, **environ: str) -> str:
        """Gives the prefix that these documents set."""
        return load(app, "\n---\n".join(texts), environ=environ).temp_file_prefix

    def doc(self, profile: str, prefix: str) -> str:
        """Makes a document for a profile."""
        return f"spring.config.activate.on-profile: {profile}\n{self.PREFIX}: {prefix}"

    def test_the_last_document_wins(self, app: Path) -> None:
        """Among those whose profiles are active."""
        texts = [f"{self.PREFIX}: a-", self.doc("prod", "b-"), self.doc("'!prod'", "c-"), self.doc("[x, y]", "d-")]
        assert self.prefix(app, *texts) == "c-"
        assert self.prefix(app, *texts, SPRING_PROFILES_ACTIVE="prod") == "b-"
        assert self.prefix(app, *texts, SPRING_PROFILES_ACTIVE="prod,y") == "d-"

    def test_profile_files_win_over_documents(self, app: Path) -> None:
        """In the order of the profiles, groups taken apart; properties over YAML."""
        (app / "application-one.yml").write_text(f"{self.PREFIX}: one-")
        (app / "application-two.yaml").write_text(f"{self.PREFIX}: two-")
        (app / "application-two.properties").write_text(f"{self.PREFIX}=props-\n")
        base = f"spring.profiles.group.all: one, two\n{self.PREFIX}: a-"
        assert self.prefix(app, base) == "a-"
        assert self.prefix(app, base, SPRING_PROFILES_ACTIVE="two,one") == "one-"
        assert self.prefix(app, base, SPRING_PROFILES_ACTIVE="all") == "props-"
        assert self.prefix(app, f"spring.profiles.include: [two]\n{base}", SPRING_PROFILES_ACTIVE="one") == "one-"

    def test_the_default_profile(self, app: Path) -> None:
        """It is active where no other one is."""
        (app / "application-default.yml").write_text(f"{self.PREFIX}: default-")
        (app / "application-home.yml").write_text(f"{self.PREFIX}: home-")
        assert self.prefix(app, "a: 1") == "default-"
        assert self.prefix(app, "spring.profiles.default: home") == "home-"
        assert self.prefix(app, "a: 1", SPRING_PROFILES_ACTIVE="other") == "zenflow-ctx-"
        assert self.prefix(app, "spring.profiles.active: home", SPRING_PROFILES_ACTIVE="") == "default-"

    def test_a_later_file_wins_and_profiles_over_all(self, app: Path) -> None:
        """Files are read in the order in which they are named, then those of their profiles."""
        (app / "application.yml").write_text(f"spring.profiles.active: p\n{self.PREFIX}: a-")
        (app / "more.properties").write_text(f"{self.PREFIX}=more-")
        assert load(app, files=["application.yml", "more.properties"]).temp_file_prefix == "more-"
        (app / "application-p.yml").write_text(f"{self.PREFIX}: p-")
        assert load(app, files=["application.yml", "more.properties"]).temp_file_prefix == "p-"
        (app / "application-q.yml").write_text(f"{self.PREFIX}: q-")
        (app / "more-p.properties").write_text(f"{self.PREFIX}=more-p-")
        both = {"SPRING_PROFILES_ACTIVE": "p,q"}
        found = load(app, files=["application.yml", "more.properties"], environ=both)
        assert found.temp_file_prefix == "more-p-"
        assert load(app, environ=both).temp_file_prefix == "q-"

    def test_profiles_that_a_later_document_includes_win(self, app: Path) -> None:
        """Lists of included profiles add up, in the order of the documents."""
        for profile in ("a", "b"):
            (app / f"application-{profile}.yml").write_text(f"{self.PREFIX}: {profile}-")
        assert self.prefix(app, "spring.profiles.include: a", "spring.profiles.include: [b]") == "b-"
        assert self.prefix(app, "spring.profiles.include: b", "spring.profiles.include: [a]") == "a-"

    def test_a_file_of_a_profile_activates_none(self, app: Path) -> None:
        """The application stops there, too."""
        (app / "application-p.yml").write_text("spring.profiles.active: q")
        assert "where the application takes none" in refused(app, "spring.profiles.active: p").message

    def test_json_in_the_environment_wins_over_all(self, app: Path) -> None:
        """SPRING_APPLICATION_JSON stands above variables."""
        environ = {
            "SPRING_APPLICATION_JSON": '{"zenflow": {"context": {"refvalue": {"temp-file-prefix": "json-"}}}}',
            "ZENFLOW_CONTEXT_REFVALUE_TEMP_FILE_PREFIX": "variable-",
        }
        assert self.prefix(app, f"{self.PREFIX}: a-", **environ) == "json-"
        del environ["SPRING_APPLICATION_JSON"]
        assert self.prefix(app, f"{self.PREFIX}: a-", **environ) == "variable-"

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("spring.profiles: prod", "has had no meaning since Spring Boot 2.4"),
            ("spring.config.activate.on-profile: a & b | c", "is not a profile expression"),
            (
                "a: 1\n---\nspring.config.activate.on-profile: x\nspring.profiles.active: y",
                "where the application takes",
            ),
            ("spring.profiles.active: ../../etc/x", "is no name of a Spring profile"),
            ("spring.config.import: 'optional:configserver:'", "imports other settings"),
            ("spring.config.import: ['file:./none.yml']", "imports other settings"),
            ("spring.config.import: classpath:more.yml", "imports other settings"),
            ("spring.config.import: optional:classpath:more.yml", "imports other settings"),
            ('spring.config.import: "optional:\\0"', "imports other settings"),
            ("spring.config.import: ./application.yml/../x", "imports other settings"),
        ],
    )
    def test_what_the_application_would_not_take_or_nobody_can_know(self, app: Path, text: str, sentence: str) -> None:
        """Refused, rather than another database than the application's."""
        assert sentence in refused(app, text, environ={"SPRING_PROFILES_ACTIVE": "x"} if "---" in text else {}).message

    def test_imports_that_are_known(self, app: Path) -> None:
        """An optional file that is not there, and one that is named as well."""
        text = f"spring.config.import: 'optional:file:./gone.yml,more.yml'\n{self.PREFIX}: a-"
        (app / "more.yml").write_text(f"{self.PREFIX}: more-")
        (app / "application.yml").write_text(text)
        assert load(app, files=["application.yml", "more.yml"]).temp_file_prefix == "more-"
        assert "imports other settings" in refused(app, "spring.config.import: optional:more.yml").message

    def test_a_profile_file_that_leads_nowhere(self, app: Path) -> None:
        """It is not passed over in silence; a name too long for a file is none."""
        (app / "application-p.yml").symlink_to("gone.yml")
        assert "application-p.yml cannot be read" in refused(app, "spring.profiles.active: p").message
        assert self.prefix(app, f"spring.profiles.active: {'p' * 300}") == "zenflow-ctx-"

    def test_properties_need_no_library(self, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """PyYAML is asked for only where there is YAML."""
        monkeypatch.setitem(sys.modules, "yaml", None)
        (app / "application.properties").write_text(f"{self.PREFIX}=a-")
        environ = {"SPRING_APPLICATION_JSON": '{"a": 1}'}
        assert load(app, files=["application.properties"], environ=environ).temp_file_prefix == "a-"
        assert "PyYAML, which is not installed" in refused(app, "a: 1").message

    def test_a_document_for_a_platform_stops_only_what_it_sets(self, app: Path) -> None:
        """Nobody knows here where the application runs."""
        platform = "spring.config.activate.on-cloud-platform: kubernetes\nserver.shutdown: graceful"
        assert self.prefix(app, f"{self.PREFIX}: a-", platform) == "a-"
        error = refused(app, f"{self.PREFIX}: a-\n---\n{platform}\n{self.PREFIX}: b-")
        assert "counts only on the cloud platform kubernetes" in error.message

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("none.yml", "cannot be read: no such file or directory"),
            ("app.jar", "is no Spring settings file, by its name"),
            ("folder.yml", "is not a file"),
            ("large.yml", "is larger than 512 KiB"),
            ("latin.yml", "is not valid YAML at line 2: text that is not UTF-8"),
        ],
    )
    def test_files_that_cannot_be_read(self, app: Path, name: str, sentence: str) -> None:
        """One sentence that names the file."""
        (app / "folder.yml").mkdir()
        (app / "large.yml").write_text("#" * 600_000)
        (app / "latin.yml").write_bytes(b"a: 1\nb: \xe9\n")
        with pytest.raises(SettingsError, match=sentence) as caught:
            load(app, files=[name])
        assert str(app / name) in caught.value.message


class TestDirectories:
    """Relative directories are the application's."""

    TEXT = (
        f"{REFVALUE}: {{file-storage-dir: ./data, persistent-file-dir: ./data/live}}\n"
        "spring.datasource.url: jdbc:sqlite:data/x.db"
    )

    def test_they_start_at_the_engines_directory(self, app: Path) -> None:
        """Where it is known: that is where the engine starts."""
        found = load(app, self.TEXT, options={"engine-dir": "/srv/zenflow"})
        assert found.persistent_file_dir.path == Path("/srv/zenflow/data/live")
        assert found.persistent_file_dir.text == "./data/live"
        assert found.db == "jdbc:sqlite:/srv/zenflow/data/x.db"

    def test_else_at_the_file(self, app: Path) -> None:
        """As those of every settings file; the engine's directory is then that of the file."""
        found = load(app, self.TEXT)
        assert found.file_storage_dir.path == app / "data"
        assert found.engine_dir == app
        assert found.db == f"jdbc:sqlite:{app}/data/x.db"

    def test_those_of_the_applications_variables_do_too(self, app: Path) -> None:
        """The application reads its variables in its own directory, not in ours."""
        found = load(app, "a: 1", environ={"ZENFLOW_CONTEXT_REFVALUE_PERSISTENTFILEDIR": "live"})
        assert found.persistent_file_dir.path == app / "live"


class TestValues:
    """Values mean what they mean to the application, and what is not certain is refused."""

    @pytest.mark.parametrize(
        ("key", "value", "expected"),
        [
            ("memory-threshold-bytes", "'1048576'", 1048576),
            ("memory-threshold-bytes", "1MB", 1048576),
            ("memory-threshold-bytes", "512KB", 524288),
            ("memory-threshold-bytes", "0x100", 256),
            ("memory-threshold-bytes", "${SIZE:1GB}", 1 << 30),
            ("persistent-file-retention-days", "30", 30),
            ("persistent-file-retention-days", "'30d'", 30),
            ("persistent-file-retention-days", "P7D", 7),
            ("persistent-file-retention-days", "PT48H", 2),
            ("checksum-enabled", "off", False),
            ("checksum-enabled", "'no'", False),
            ("checksum-enabled", "${CHECK:false}", False),
            ("temp-file-prefix", "2026-01-01", "2026-01-01"),
            ("temp-file-prefix", "'0440'", "0440"),
            ("temp-file-prefix", "440", "440"),
        ],
    )
    def test_types(self, app: Path, key: str, value: str, expected: object) -> None:
        """Sizes and durations as Spring takes them, quoted or not."""
        found = load(app, f"{REFVALUE}.{key}: {value}")
        assert getattr(found, key.replace("-", "_")) == expected

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (f"{REFVALUE}.memory-threshold-bytes: 0440", "is not certain: YAML reads it as an octal number"),
            (f"{REFVALUE}.memory-threshold-bytes: 1:30", "is not certain: YAML reads it as base 60"),
            (f"{REFVALUE}.memory-threshold-bytes: 1.5", "must be a whole number of bytes, not '1.5'"),
            (f"{REFVALUE}.memory-threshold-bytes: -1KB", "must be from 0 to"),
            (f"{REFVALUE}.memory-threshold-bytes:", "must be a whole number of bytes"),
            (f"{REFVALUE}.persistent-file-retention-days: 36h", "must be a whole number of days"),
            (f"{REFVALUE}.temp-file-prefix: on", "is not certain: YAML reads it as another value"),
            (f"{REFVALUE}.temp-file-prefix: 1_0", "is not certain: YAML reads it as another value"),
            (f"p: 0440\n{REFVALUE}.temp-file-prefix: '${{p}}'", "needs ${p}, but YAML reads it as an octal number"),
            (f"{REFVALUE}.persistent-file-dir:", "must be a text that is not empty"),
            (f"{REFVALUE}.persistent-file-dir: ${{java.io.tmpdir:/tmp}}/x", "which only the application itself knows"),
            (f"{REFVALUE}.persistent-file-dir: ${{DATA_DIR}}/x", "needs ${DATA_DIR}, which is set nowhere"),
            (f"{REFVALUE}: {{temp-file-prefix: a-, tempFilePrefix: b-}}", "stands there twice"),
            ("spring.datasource.url: ${spring.datasource.url}", "which needs itself"),
            (f"{URL}\nspring.datasource.password: 0123", "is not certain: YAML reads it as an octal number"),
            (f"{URL}\nspring.datasource.password: yes", "is not certain: YAML reads it as another value"),
            (f"{URL}\nspring.datasource.password: ENC({SECRET})", "is encrypted for the application alone"),
            (f"{URL}\nspring.datasource.password: '{{cipher}}{SECRET}'", "is encrypted for the application alone"),
            (
                f"spring.datasource.url: jdbc:h2:mem:{SECRET}",
                "must be a JDBC URL of PostgreSQL or SQLite, not of jdbc:h2:",
            ),
            (f"spring.datasource.url: jdbc:mysql://u:{SECRET}@h/x", "PostgreSQL or SQLite, not of jdbc:mysql:"),
            (f"spring.datasource.url: postgresql://u:{SECRET}@h/x", "must be a JDBC URL of PostgreSQL or SQLite"),
            ("spring.datasource.url:", "must be a JDBC URL of PostgreSQL or SQLite"),
            (f"{URL}\nspring.datasource.password: *{SECRET}", "is not valid YAML at line 2"),
        ],
    )
    def test_one_sentence_names_file_and_key(self, app: Path, text: str, sentence: str) -> None:
        """For a wrong value, a trap, and a placeholder without a value; nothing secret is in it."""
        message = refused(app, text).message
        assert sentence in message
        assert str(app / "application.yml") in message

    @pytest.mark.parametrize(
        ("text", "nearest"),
        [
            (f"{REFVALUE}.persistant-file-dir: x", f"did you mean {REFVALUE}.persistent-file-dir?"),
            (f"{REFVALUE}: {{persistentFileDirectory: x}}", f"did you mean {REFVALUE}.persistent-file-dir?"),
            ("zenflow.context.persistence: false", "did you mean zenflow.context.persistence.enabled?"),
            ("zenflow.context.persistence.enable: false", "did you mean zenflow.context.persistence.enabled?"),
            ("zenflow.context.persistance.enabled: false", "did you mean zenflow.context.persistence.enabled?"),
            (
                "zenflow.context.refvalues.fileStorageDir: x",
                f"did you mean {REFVALUE}.file-storage-dir?",
            ),
            ("zenflow.contxt.refvalue.checksum-enabled: on", f"did you mean {REFVALUE}.checksum-enabled?"),
            (f"{REFVALUE}.file-storage-dir: [a, b]", f"{REFVALUE}.file-storage-dir takes one value, not a list"),
            (f"{REFVALUE}.frobnication: 1", "docs/configuration.md lists the keys that there are"),
            (
                f"a: 1\n---\nspring.config.activate.on-profile: x\n{REFVALUE}.x: 1",
                "docs/configuration.md lists the keys",
            ),
        ],
    )
    def test_unknown_keys_of_ours_are_refused_with_the_nearest(self, app: Path, text: str, nearest: str) -> None:
        """A misspelt key is never ignored, whether its document is active or not."""
        error = refused(app, text)
        assert "is no setting of the application" in error.message
        assert str(error.hint).startswith(nearest)

    def test_unknown_variables_of_the_application(self, app: Path) -> None:
        """The same holds for its variables, in both spellings of a dash."""
        error = refused(app, "a: 1", environ={"ZENFLOW_CONTEXT_REFVALUE_TEMPFILEPREFX": "x"})
        assert error.hint == f"did you mean {REFVALUE}.temp-file-prefix?"
        error = refused(app, "a: 1", environ={"ZENFLOW_CONTEXT_PERSISTANCE_ENABLED": "false"})
        assert error.hint == "did you mean zenflow.context.persistence.enabled?"

    def test_other_keys_are_nobodys_business(self, app: Path) -> None:
        """Sections of the application, empty ones of ours, and what it has beside them."""
        text = (
            f"zenflow: {{context: {{refvalue: , persistence: , other: 1}}, a: x}}\n{REFVALUE}.file-leak-warning-ms: 5"
            "\nzenflow.jobs.persistence.enabled: on\nzenflow.context.cache.enabled: on"
        )
        assert load(app, text).temp_file_prefix == "zenflow-ctx-"


class TestDatabase:
    """One URL of url, username and password."""

    @pytest.mark.parametrize(
        ("text", "url"),
        [
            (URL, "jdbc:postgresql://db/x"),
            (f"{URL}\nspring.datasource.username: u", "jdbc:postgresql://db/x?user=u"),
            (f"{URL}?a=1\nspring.datasource: {{username: u, password: 'p w&+'}}", "{}?a=1&user=u&password=p%20w%26%2B"),
            (f"{URL}?user=u&password=p\nspring.datasource: {{username: v, password: q}}", "{}?user=u&password=p"),
            (f"{URL}?user=u\nspring.datasource: {{username: v, password: q}}", "{}?user=u&password=q"),
            (f"{URL}\nspring.datasource: {{username: '', password: }}", "{}"),
            (f"{URL}?user=\nspring.datasource.username: u", "{}?user="),
            (
                f"{URL}\nspring.datasource: {{username: u, hikari: {{username: h, schema: s}}}}",
                "{}?currentSchema=s&user=h",
            ),
            (f"{URL}\nspring.datasource.hikari.jdbc-url: jdbc:postgresql:y", "jdbc:postgresql:y"),
            ("spring.datasource: {url: 'jdbc:sqlite:/x.db', username: u}", "jdbc:sqlite:/x.db"),
        ],
    )
    def test_urls(self, app: Path, text: str, url: str) -> None:
        """What the URL names wins, as with the driver; the pool's own settings win over the data source's."""
        assert load(app, text).db == url.format("jdbc:postgresql://db/x")

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(user=TEXTS, password=TEXTS)
    def test_every_user_and_password_arrive(self, app: Path, user: str, password: str) -> None:
        """Whatever characters they hold; and the password is not shown."""
        text = f"{URL}?sslmode=require\nspring.datasource: {{username: '${{U}}', password: '${{P}}'}}"
        found = load(app, text, environ={"U": user, "P": password})
        url = parse_database_url(found.db)
        assert (url.username, url.password, url.host, url.database) == (user, password, "db", "x")
        assert found.shown()["db"].endswith("&password=***")

    def test_a_password_that_is_no_text(self, app: Path) -> None:
        """Bytes of a variable that are not UTF-8 end in a sentence."""
        environ = {"SPRING_DATASOURCE_PASSWORD": f"{SECRET}\udce9"}
        assert "holds what is not UTF-8" in refused(app, URL, environ=environ).message

    def test_variables_of_the_application_win(self, app: Path) -> None:
        """SPRING_DATASOURCE_URL is spring.datasource.url."""
        environ = {"SPRING_DATASOURCE_URL": "jdbc:postgresql:z", "SPRING_DATASOURCE_PASSWORD": SECRET}
        environ["spring_datasource_url"] = "jdbc:postgresql:lower"
        found = load(app, URL, environ=environ)
        assert found.db == f"jdbc:postgresql:z?password={SECRET}"
        assert found.origins["db"] == "SPRING_DATASOURCE_URL; SPRING_DATASOURCE_PASSWORD"
        assert SECRET not in found.shown()["db"]

    def test_without_a_file_the_applications_variables_are_nothing(self, app: Path) -> None:
        """They count for those who ask for the application's settings."""
        found = load_settings({}, environ={"SPRING_DATASOURCE_URL": "jdbc:postgresql:z"}, cwd=app)
        assert found.origins["db"] == "default"

    def test_without_a_url_the_default_database_stays(self, app: Path) -> None:
        """A user alone is no database."""
        assert load(app, "spring.datasource.username: u").origins["db"] == "default"


def test_placeholders_are_found_as_the_application_finds_them(app: Path) -> None:
    """A usual name in every spelling and as a variable, any other one as it is written; variables before keys."""
    text = (
        f"my.itemName: a\nmy.Other: b\n{REFVALUE}.temp-file-prefix: ${{my.item-name}}-${{my.Other:x}}-${{my.other:y}}"
    )
    assert load(app, text).temp_file_prefix == "a-b-b"
    assert load(app, text, environ={"MY_ITEMNAME": "e", "MY_OTHER": "f"}).temp_file_prefix == "e-f-f"
    unusual = f"my.item-name: a\n{REFVALUE}.temp-file-prefix: ${{my.itemName:none}}-"
    assert load(app, unusual).temp_file_prefix == "none-"
