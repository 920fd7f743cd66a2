"""Webhooks: what is signed right is read, and nothing else."""

from __future__ import annotations

import pytest

from cardforge_client import InvalidSignature, verify_webhook

# The example of the specification, standardwebhooks.com.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
HEADERS = {
    "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "Webhook-Timestamp": "1614265330",
    "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
THEN = 1614265330.0


def test_the_example_of_the_specification_is_good() -> None:
    assert verify_webhook(SECRET, HEADERS, BODY, now=THEN) == {"test": 2432232314}
    assert verify_webhook(SECRET, {name.lower(): value for name, value in HEADERS.items()}, BODY.decode(), now=THEN)


def test_one_good_signature_of_several_is_enough() -> None:
    several = {**HEADERS, "Webhook-Signature": f"v1a,x v1,AAAA {HEADERS['Webhook-Signature']}"}
    assert verify_webhook(SECRET, several, BODY, now=THEN)


@pytest.mark.parametrize(
    ("changed", "body", "secret", "now"),
    [
        ({}, BODY + b" ", SECRET, THEN),
        ({"Webhook-Id": "msg_other"}, BODY, SECRET, THEN),
        ({"Webhook-Timestamp": "1614265331"}, BODY, SECRET, THEN),
        ({"Webhook-Timestamp": "nan"}, BODY, SECRET, THEN),
        ({"Webhook-Signature": ""}, BODY, SECRET, THEN),
        ({"Webhook-Signature": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, BODY, SECRET, THEN),
        ({"Webhook-Signature": "v1,ü"}, BODY, SECRET, THEN),
        ({}, BODY, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx", THEN),
        ({}, BODY, "no base64!", THEN),
        ({}, BODY, SECRET, THEN + 301),
        ({}, BODY, SECRET, THEN - 301),
    ],
)
def test_anything_else_is_refused(changed: dict[str, str], body: bytes, secret: str, now: float) -> None:
    with pytest.raises(InvalidSignature):
        verify_webhook(secret, {**HEADERS, **changed}, body, now=now)
