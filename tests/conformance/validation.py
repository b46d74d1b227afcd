"""What `kagari validate` says of examples: the official ones, those of Japanese guides, and these with one thing wrong."""
import copy
import json
import pathlib
import re
import subprocess
import tarfile

HERE = pathlib.Path(__file__).parent


def errors(binary, arguments, lines):
    """For each line of NDJSON the issues of severity error or fatal."""
    done = subprocess.run([binary, "validate", *arguments, "--ndjson", "-"], input="\n".join(lines) + "\n", text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 1) or len(outcomes) != len(lines):
        raise RuntimeError(f"exit {done.returncode}, {len(outcomes)} of {len(lines)}: {done.stderr[-300:]}")
    return [[i for i in o["issue"] if i["severity"] in ("error", "fatal")] for o in outcomes]


def element(issue):
    return (issue.get("expression") or ["?"])[0]


def text(issue):
    return f"{element(issue)}: {issue['details']['text']}"


def known(name):
    """The rows of a file that tells which examples are in error, and why."""
    lines = (HERE / name).read_text().splitlines()
    return {tuple(line.split("\t")) for line in lines if line and not line.startswith("#")}


def official(log, binary, resources):
    """(file name, JSON text) each: no errors but those of in-error.txt, and all of those."""
    expected = known("in-error.txt")
    found = set()
    names = [name for name, _ in resources]
    for name, issues in zip(names, errors(binary, [], [" ".join(t.splitlines()) for _, t in resources])):
        for i in issues:
            row = (name, i["code"], re.sub(r"\[\d+\]", "", element(i)))
            found.add(row)
            if row not in expected:
                log.write(f"{name}: {i['code']} {text(i)}\n")
    for row in sorted(expected - found):
        log.write(f"not found any more: {row}\n")
    wrong = {row[0] for row in found ^ expected}
    return len(names) - len(wrong), len(wrong)


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
    for line in (HERE / "mutations.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            example, how, expressions = line.split("\t")
            yield example, how, expressions.split("|")


def japan(log, binary, packages, guide):
    """Every example of the guide is without errors but those of japan.txt; every mutation's error is where it belongs."""
    arguments = [a for p in packages for a in ("--package", str(p))]
    all_examples = examples(guide)
    cases = list(mutations())
    asked = [*all_examples.values(), *(change(all_examples[e], how) for e, how, _ in cases)]
    found = errors(binary, arguments, [json.dumps(r, ensure_ascii=False) for r in asked])
    expected = {row[:2] for row in known("japan.txt")}
    passed = failed = 0
    for name, issues in zip(all_examples, found):
        unexpected = [i for i in issues if (name, element(i)) not in expected]
        passed, failed = passed + (not unexpected), failed + bool(unexpected)
        for i in unexpected:
            log.write(f"{name}: {text(i)}\n")
    for (example, how, wanted), issues in zip(cases, found[len(all_examples):]):
        right = any(element(i) in wanted for i in issues)
        passed, failed = passed + right, failed + (not right)
        if not right:
            log.write(f"{example}: {how}: wanted at {' or '.join(wanted)}, found {[text(i) for i in issues]}\n")
    return passed, failed
