"""Judges what Checkov found in the rendered chart: nothing may be found but what is known here, with its reason, and
whatever is known must still be found.

    checkov ... --output json | python scan.py
"""

import json
import re
import sys

# Check: resources, and why it is so.
KNOWN = {
    # Whoever installs names the image, by digest if they like (`image` of a service).
    "CKV_K8S_43": ".*",
    # Images are tagged by release; `image.pullPolicy` is a value.
    "CKV_K8S_15": ".*",
    # A limit of CPU makes a service slow when others are idle; requests share what there is.
    "CKV_K8S_11": ".*",
    # The URL of the database is read from a variable, which only the process itself can see.
    "CKV_K8S_35": ".*",
    # Runs once, asks the services how they are, and is gone.
    "CKV_K8S_8": r"Pod\.prod\.\w+-test",
    "CKV_K8S_9": r"Pod\.prod\.\w+-test",
    # Hooks are there for seconds; what they reach decides whom it lets in.
    "CKV2_K8S_6": r"Pod\.prod\.\w+-(test|[a-z-]+-migrate\..*)",
    # The user of the official images.
    "CKV_K8S_40": r"StatefulSet\.prod\.demo-(postgres|redis)",
    # Where it starts Jobs it has to say who it is.
    "CKV_K8S_38": r"Deployment\.prod\.demo-executor",
}

report = json.load(sys.stdin)
results = report["results"]
passed = report["summary"]["passed"]
assert passed > 1000, f"only {passed} checks passed: was anything scanned?"
unseen = set(KNOWN)
wrong = []
for failed in results["failed_checks"]:
    check, resource = failed["check_id"], failed["resource"]
    if check in KNOWN and re.fullmatch(KNOWN[check], resource):
        unseen.discard(check)
    else:
        wrong.append(f"{check} {failed['check_name']}: {resource} in {failed['file_path']}")
for line in sorted(set(wrong)):
    print(line)
for check in sorted(unseen):
    print(f"{check} is known and not found any more: take it off the list")
sys.exit(1 if wrong or unseen else 0)
