import json

import pytest

from local_runner.check import check
from local_runner.redaction import REDACTED, kinds_of_secrets, redact, redacted, secrets_in

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
SECRETS = [  # a text that holds a secret, the part that must not be shown
    (f"x = '{TOKEN}'", "canary1"),
    ("Authorization: Bearer basic//c4nary0123456789", "c4nary0123456789"),
    ("Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==", "Y2FuYXJ5"),
    ("https://example.org/a.tif?X-Amz-Signature=canary1&b=2", "canary1"),
    ("https://example.org/a.tif?se=1&sig=canary1", "canary1"),
    ("https://example.org/?access_token=canary1x", "canary1x"),
    ('{"refresh_token": "canary1x"}', "canary1x"),
    ("https://user:canary1@example.org/a", "canary1"),
    ("s3://user:canary1@bucket/a", "canary1"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_secrets_are_found_and_not_shown(text, secret):
    assert kinds_of_secrets(text)
    assert secret not in redact(text)
    assert TOKEN not in redact(text)
    assert kinds_of_secrets(redact(text)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/@handle/a.json?page=2",
        "gaussian_filter(a, sig=3.5)",
        "a bearer responsibility, basic processing",
        "mail me at someone@example.org",
        "f'Bearer {token}'",
        "access_token = None",
    ],
)
def test_what_is_no_secret(text):
    assert kinds_of_secrets(text) == ()
    assert redact(text) == text


def test_values_of_telling_keys_are_secrets():
    value = {"headers": [{"Authorization": "canary1"}], "password": "", "access_token": {"type": "string"}}
    assert list(secrets_in(value)) == [("headers/0/Authorization", "a value of 'Authorization'")]
    assert redacted(value) == value | {"headers": [{"Authorization": REDACTED}]}


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_check_finds_secrets_and_prints_none(text, secret):
    graph = {"a": {"process_id": "ad", "arguments": {"x": text, text: 1}}, "b": {"process_id": text, "arguments": []}}
    findings = check(graph)
    assert [f.code for f in findings].count("SecretFound") >= 2
    assert secret not in json.dumps([vars(f) for f in findings])


def test_check_without_secrets_changes_nothing():
    graph = {"a": {"process_id": "absolute", "arguments": {"x": 1}, "result": True}}
    assert check(graph) == []
