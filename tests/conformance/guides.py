"""What `kagari validate` says of the examples of Japanese guides, and of the same examples with one thing wrong."""
import concurrent.futures
import copy
import json
import os
import pathlib
import re
import subprocess
import tarfile
import tempfile

MUTATIONS = pathlib.Path(__file__).parent / "mutations.txt"


def outcome(binary, packages, resource):
    """The OperationOutcome's issues of severity error or fatal."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(resource, f, ensure_ascii=False)
        f.flush()
        command = [binary, "validate", *(a for p in packages for a in ("--package", str(p))), f.name]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")
    return [i for i in json.loads(done.stdout)["issue"] if i["severity"] in ("error", "fatal")]


def outcomes(binary, packages, resources):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda r: outcome(binary, packages, r), resources))


def text(issue):
    return f"{(issue.get('expression') or ['?'])[0]}: {issue.get('details', {}).get('text')}"


def examples(package):
    """{file name without .json: resource} of a package's folder `example`."""
    with tarfile.open(package) as tar:
        members = [m for m in tar if re.fullmatch(r"package/example/[A-Z][^/]*\.json", m.name)]
        return {pathlib.Path(m.name).stem: json.load(tar.extractfile(m)) for m in members}


def change(resource, how):
    """A copy of it with the change: `path = JSON`, `path + JSON` or `path -`."""
    path, operation, *value = how.split(" ", 2)
    steps = [int(s[1:-1]) if s[0] == "[" else s for s in re.findall(r"[A-Za-z]+|\[\d+\]", path)]
    changed = copy.deepcopy(resource)
    parent = changed
    for step in steps[:-1]:
        parent = parent[step]
    if operation == "-":
        del parent[steps[-1]]
    elif operation == "+":
        parent[steps[-1]].append(json.loads(value[0]))
    else:
        parent[steps[-1]] = json.loads(value[0])
    return changed


def mutations():
    for line in MUTATIONS.read_text().splitlines():
        if line and not line.startswith("#"):
            example, how, expressions = line.split("\t")
            yield example, how, expressions.split("|")


def run(log, binary, packages, guide, refused):
    """Every example of the guide is without errors, or has those listed; every mutation's error is where it belongs."""
    all_examples = examples(guide)
    passed = failed = 0
    names = sorted(all_examples)
    for name, errors in zip(names, outcomes(binary, packages, [all_examples[n] for n in names])):
        unexpected = [e for e in errors if (name, (e.get("expression") or ["?"])[0]) not in refused]
        passed, failed = passed + (not unexpected), failed + bool(unexpected)
        for e in unexpected:
            log.write(f"{name}: {text(e)}\n")
    cases = list(mutations())
    for (example, how, wanted), errors in zip(
            cases, outcomes(binary, packages, [change(all_examples[e], how) for e, how, _ in cases])):
        found = {e for i in errors for e in i.get("expression", [])}
        right = bool(found & set(wanted))
        passed, failed = passed + right, failed + (not right)
        if not right:
            log.write(f"{example}: {how}: wanted at {' or '.join(wanted)}, found {[text(e) for e in errors]}\n")
    return passed, failed
