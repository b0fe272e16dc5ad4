"""What the API server was asked by one user, from its audit log: (API group, resource with subresource, verb)."""
import json
from pathlib import Path

STARTED = ("ResponseStarted", "ResponseComplete", "Panic")


class Audit:
    def __init__(self, log, user):
        self.used, self.refused = set(), []
        for line in Path(log).read_text().splitlines():
            event = json.loads(line)
            if event["user"].get("username") != user or event["stage"] not in STARTED:
                continue
            thing = event.get("objectRef")
            code = event.get("responseStatus", {}).get("code")
            if code == 403:
                self.refused.append(f"{event['verb']} {event['requestURI']}: {event['responseStatus'].get('message', '')}")
            elif thing:
                resource = thing["resource"] + ("/" + thing["subresource"] if "subresource" in thing else "")
                self.used.add((thing.get("apiGroup", ""), resource, event["verb"]))


def permitted(role):
    return {(group, resource, verb) for rule in role["rules"] for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]}


def shown(triples):
    return "\n".join(f"  {verb} {resource}{'.' + group if group else ''}" for group, resource, verb in sorted(triples))
