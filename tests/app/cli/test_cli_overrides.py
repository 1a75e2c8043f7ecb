import pytest

from app.cli.overrides import parse_overrides
from ml.errors import InvalidInput


def test_dotted_keys_become_nested_settings():
    words = ["agent.fusion_lr=0.002", "agent.gamma=0", "dataset=a,b"]
    expected = {"agent": {"fusion_lr": "0.002", "gamma": "0"}, "dataset": "a,b"}
    assert parse_overrides(words) == expected


def test_null_is_none_and_brackets_hold_json():
    words = ["alias=null", 'vehicles=["elm","fir"]', "window={}"]
    assert parse_overrides(words) == {"alias": None, "vehicles": ["elm", "fir"], "window": {}}


def test_a_value_may_hold_an_equals_sign():
    assert parse_overrides(["agent.reward=a:b=c"]) == {"agent": {"reward": "a:b=c"}}


@pytest.mark.parametrize("word", ["epochs", "=3", ".a=1", "a..b=1", "vehicles=[1"])
def test_a_word_that_is_no_setting_is_named(word):
    with pytest.raises(InvalidInput, match=r"key=value|valid JSON") as caught:
        parse_overrides([word])
    assert word in caught.value.detail


def test_a_key_is_a_value_or_a_group_but_not_both():
    with pytest.raises(InvalidInput, match="'agent'"):
        parse_overrides(["agent=1", "agent.gamma=0"])
