"""env.example is generated, and must be what would be generated now."""

from pathlib import Path

from parlor.config import load
from parlor.config.example import env_example

ROOT = Path(__file__).parents[2]


def test_the_file_in_the_repository_is_current(tmp_path):
    expected = env_example(load({}, tmp_path).tree)
    assert (ROOT / "env.example").read_text() == expected, "run `parlor config example > env.example`"


def test_every_shape_of_setting_has_its_line(load):
    text = env_example(load().tree)
    assert "# What a new account gets.\n#PARLOR_WALLET__INITIAL_BONUS_MICROS=5000000\n" in text
    assert "#PARLOR_SERVER__ALLOWED_HOSTS=[]\n" in text
    assert "#PARLOR_LLM__PROVIDERS__<name>__KIND=   # required\n" in text
    assert "#PARLOR_SERVER__RELOAD=false\n" in text
    assert "# By the name you choose.\n" in text
    assert "#PARLOR_DATA_DIR=.parlor\n" in text
