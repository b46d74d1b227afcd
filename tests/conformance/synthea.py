"""The Synthea suite: all bundles load over 20 connections, and everything comes back as it was sent, once.

load() also gives the resources as the server has them, by renaming what the bundles call them, for the search oracle.
"""

import collections
import concurrent.futures
import re
import threading
import time

import facts

CONNECTIONS = 20


def renamed(bundle, response):
    """The resources of a transaction with the ids and times that its answer gave them. The same fullUrl means another
    resource in another bundle."""
    names = {
        e["fullUrl"]: re.sub(r"/_history/.*", "", r["response"]["location"])
        for e, r in zip(bundle["entry"], response["entry"])
    }

    def rename(node):
        if isinstance(node, dict):
            return {k: names.get(v, v) if k == "reference" else rename(v) for k, v in node.items()}
        return [rename(v) for v in node] if isinstance(node, list) else node

    for e, r in zip(bundle["entry"], response["entry"]):
        resource = rename(e["resource"])
        yield {
            **resource,
            "id": names[e["fullUrl"]].split("/")[1],
            "meta": {**resource.get("meta", {}), "lastUpdated": r["response"]["lastModified"]},
        }


def load(dev, bundles, log, check=lambda good, text: None):
    """All of them over CONNECTIONS; the resources."""
    local = threading.local()
    answers, lock = [], threading.Lock()

    def post(item):
        name, text = item
        if not hasattr(local, "client"):
            local.client = dev.client(timeout=300)
        answer = local.client.request("POST", "", text)
        with lock:
            check(answer.status == 200, f"{name}: {answer.status} {'' if answer.status == 200 else answer.body[:500]}")
            if answer.status == 200:
                answers.append((facts.parse(text), answer.json))

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(post, bundles))
    seconds = time.monotonic() - started
    resources = [r for answer in answers for r in renamed(*answer)]
    log.write(f"{len(resources)} resources, {len(resources) / seconds:.0f}/s over {CONNECTIONS} connections\n")
    return resources


def run(log, dev, bundles):
    """Every resource comes back as it was sent, and the pages of a whole type have each of them once."""
    client = dev.client(timeout=300)
    counts = collections.Counter()

    def check(good, text):
        counts[bool(good)] += 1
        if not good:
            log.write(f"WRONG: {text}\n")

    def unversioned(resource):
        meta = {k: v for k, v in resource["meta"].items() if k not in ("versionId", "lastUpdated")}
        return {**resource, "meta": meta}

    by_type = collections.defaultdict(dict)
    for r in load(dev, bundles, log, check):
        by_type[r["resourceType"]][r["id"]] = r
    for kind, group in sorted(by_type.items()):
        total = client.request("GET", f"{kind}?_summary=count").json.get("total")
        check(total == len(group), f"{kind}: {total} of {len(group)}")
        ids, url = [], f"{kind}?_count=500"
        while url:
            bundle = facts.parse(client.request("GET", url).body)
            for e in bundle["entry"]:
                ids.append(e["resource"]["id"])
                check(unversioned(e["resource"]) == unversioned(group[ids[-1]]), f"{kind}/{ids[-1]} came back changed")
            url = next((l["url"].split("/fhir/", 1)[1] for l in bundle["link"] if l["relation"] == "next"), None)
        check(len(ids) == len(group) and set(ids) == set(group), f"{url}: {len(ids)} of {len(group)}")
    return counts[True], counts[False]
