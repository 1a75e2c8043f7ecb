from house_files import compose_variables, example_variables

from app.settings import Settings

PREFIX = "CANFUSE_"


def documented_settings():
    return {
        n.removeprefix(PREFIX).lower(): v
        for n, v in example_variables().items()
        if n.startswith(PREFIX)
    }


def test_the_example_environment_lists_every_setting_and_nothing_else():
    assert set(documented_settings()) == set(Settings.model_fields)


def test_the_example_environment_shows_the_defaults(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    plain = Settings()
    shown = {n: v for n, v in documented_settings().items() if v and n != "score_slots"}
    for name, value in shown.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)
    assert Settings() == plain.model_copy(update={"score_slots": Settings().score_slots})


def test_the_example_environment_lists_every_variable_of_the_compose_file():
    others = {n for n in example_variables() if not n.startswith(PREFIX)}
    assert {n for n in compose_variables() if not n.startswith(PREFIX)} == others


def test_the_compose_file_uses_the_defaults_of_the_example_environment():
    shown = example_variables()
    assert {n: d for n, (kind, d) in compose_variables().items() if kind == "-"} == {
        n: shown[n] for n, (kind, _) in compose_variables().items() if kind == "-"
    }
