#!/usr/bin/env python3
"""Checks the test vectors of docs/digest.md without any code of the Rust implementation.

    digest_check.py VECTORS            exits 1 and names each difference
    digest_check.py --write VECTORS    computes the expected values from the plans

Needs Python 3.11 and the package of requirements.txt beside this file.
"""

import hashlib
import json
import re
import sys

import rfc8785

EXACT = 2**53 - 1
UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


class Refused(Exception):
    """A plan that has no digest."""


def millis(text):
    if text is None:
        return None
    return str(sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|d|h|m|s)", text)))


def micros(text):
    if text is None:
        return None
    whole, _, fraction = text.partition(".")
    return str(int(whole + fraction.ljust(6, "0")))


def names(texts):
    # By UTF-8 bytes, which is the order of code points.
    return sorted(set(texts))


def exact(value):
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and abs(value) > EXACT:
        raise Refused(f"the number {value} would be rounded")
    if isinstance(value, list):
        return [exact(v) for v in value]
    if isinstance(value, dict):
        return {k: exact(v) for k, v in value.items()}
    return value


def plan_fields(plan):
    limits = plan.get("constraints") or {}
    return {
        "kind": "assent.plan.v1/plan",
        "strategy": plan.get("strategy", "parallel"),
        "max_cost_micros": micros(limits.get("max_cost")),
        "max_duration_ms": millis(limits.get("max_duration")),
        "allowed_tools": names(limits.get("allowed_tools", [])),
        "forbidden_tools": names(limits.get("forbidden_tools", [])),
    }


def item_fields(item):
    limits = item.get("constraints") or {}
    rollback = item.get("rollback")
    if rollback is not None:
        rollback = {"tool": rollback["tool"], "arguments": exact(rollback.get("arguments", {}))}
    return {
        "kind": "assent.plan.v1/item",
        "id": item["id"],
        "priority": item.get("priority", "normal"),
        "tool": item["tool"],
        "arguments": exact(item.get("arguments", {})),
        "timeout_ms": millis(limits.get("timeout")),
        "max_retries": limits.get("max_retries"),
        "max_cost_micros": micros(limits.get("max_cost")),
        "required_capabilities": names(item.get("required_capabilities", [])),
        "preferred_agent_type": item.get("preferred_agent_type", ""),
        "rollback": rollback,
        "rollback_possible": item.get("rollback_possible"),
        "bounds": names(bound["expression"] for bound in item.get("bounds", [])),
    }


def edge_fields(edge):
    return {
        "kind": "assent.plan.v1/edge",
        "from": edge["from"],
        "to": edge["to"],
        "type": edge.get("type", "dependency"),
    }


def leaf_texts(plan):
    """Keys and canonical texts in the order of the leaves."""
    items = {item["id"]: item for item in plan["items"]}
    edges = {(edge["from"], edge["to"]): edge for edge in plan.get("dependencies", [])}
    if len(items) < len(plan["items"]) or len(edges) < len(plan.get("dependencies", [])):
        raise Refused("an item or an edge stands twice")
    leaves = [("plan", plan_fields(plan))]
    leaves += [(f"item/{name}", item_fields(items[name])) for name in sorted(items)]
    leaves += [(f"edge/{a}/{b}", edge_fields(edges[a, b])) for a, b in sorted(edges)]
    return [(key, rfc8785.dumps(fields)) for key, fields in leaves]


def leaf(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size):
    half = 1
    while half * 2 < size:
        half *= 2
    return half


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    half = split(len(leaves))
    return node(root(leaves[:half]), root(leaves[half:]))


def path(leaves, index):
    if len(leaves) == 1:
        return []
    half = split(len(leaves))
    if index < half:
        return path(leaves[:half], index) + [root(leaves[half:])]
    return path(leaves[half:], index - half) + [root(leaves[:half])]


def climb(digest, index, size, siblings):
    """The root that a proof leads to, from the sizes alone."""
    if size == 1:
        return digest if not siblings else b""
    if not siblings:
        return b""
    half = split(size)
    if index < half:
        return node(climb(digest, index, half, siblings[:-1]), siblings[-1])
    return node(siblings[-1], climb(digest, index - half, size - half, siblings[:-1]))


def expected(plan, key):
    texts = leaf_texts(plan)
    leaves = [leaf(text) for _, text in texts]
    index = [k for k, _ in texts].index(key)
    siblings = path(leaves, index)
    assert climb(leaves[index], index, len(leaves), siblings) == root(leaves)
    return {
        "leaves": [
            {"key": k, "text": text.decode(), "digest": digest.hex()}
            for (k, text), digest in zip(texts, leaves)
        ],
        "root": root(leaves).hex(),
        "proof": {
            "key": key,
            "index": index,
            "size": len(leaves),
            "path": [sibling.hex() for sibling in siblings],
        },
    }


def main(arguments):
    write = "--write" in arguments
    (name,) = [a for a in arguments if a != "--write"]
    with open(name, encoding="utf-8") as file:
        content = json.load(file)
    differences = []
    for vector in content["vectors"]:
        values = expected(vector["plan"], vector["proof"]["key"])
        if write:
            vector.update(values)
        for field, value in values.items():
            if vector.get(field) != value:
                differences.append(f"{vector['name']}: {field} should be {json.dumps(value)}")
    for refused in content["refused"]:
        try:
            leaf_texts(refused["plan"])
            differences.append(f"{refused['name']}: should have no digest")
        except Refused:
            pass
    if write:
        with open(name, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
            file.write("\n")
    for difference in differences:
        print(difference, file=sys.stderr)
    print(f"{len(content['vectors'])} vectors, {len(content['refused'])} refusals, {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
