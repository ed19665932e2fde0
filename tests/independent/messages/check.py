"""Checks messages with the libraries of those who will read them. Reads one JSON object, writes one.

    check.py webhook       {"secrets": [...], "headers": {...}, "body": "..."}     standardwebhooks
    check.py slack-blocks  {"blocks": [...]}                                         slack_sdk's models and limits
    check.py slack-sign    {"secret": "...", "timestamp": "...", "body": "..."}    slack_sdk's signature of a request
"""

import json
import sys

from slack_sdk.models.blocks import Block
from slack_sdk.signature import SignatureVerifier
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def webhook(given):
    """Every secret verifies the body; none verifies another one."""
    for secret in given["secrets"]:
        verifier = Webhook(secret)
        verifier.verify(given["body"], given["headers"])
        for forged in [given["body"] + " ", given["body"].replace("{", "[", 1)]:
            try:
                verifier.verify(forged, given["headers"])
            except WebhookVerificationError:
                continue
            raise AssertionError("a forged body is verified")
    return json.loads(given["body"])


def slack_blocks(given):
    blocks = Block.parse_all(given["blocks"])
    assert len(blocks) == len(given["blocks"]), "a block is not known to Slack"
    for block in blocks:
        block.validate_json()
    return {"types": [block.type for block in blocks]}


def slack_sign(given):
    signature = SignatureVerifier(given["secret"]).generate_signature(
        timestamp=given["timestamp"], body=given["body"]
    )
    return {"signature": signature}


print(json.dumps({"webhook": webhook, "slack-blocks": slack_blocks, "slack-sign": slack_sign}[sys.argv[1]](json.load(sys.stdin))))
