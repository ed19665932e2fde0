"""Reads OpenMetrics text with the parser of Prometheus' own client and prints every sample as a line of JSON.

    python openmetrics_check.py < text
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation, f"{family.name} says nothing about itself"
    for sample in family.samples:
        line = {"family": family.name, "name": sample.name, "labels": sample.labels, "value": sample.value}
        print(json.dumps(line))
