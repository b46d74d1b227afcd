"""What runs of the bench leave behind: a line each in build/bench/history.ndjson, and a plot for each suite."""
import json
import shutil
import subprocess

KEPT = ("when", "machine", "cpus", "seconds", "scale", "commit", "ratios")
SUITES = ("read", "search", "mix", "create", "update", "bundle", "crud", "import", "validate")


def lost(value, accepted, lower_is_better):
    """The part of a ratio that is gone; negative: it gained."""
    return value / accepted - 1 if lower_is_better else 1 - value / accepted


def keep(out, result):
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    line = {k: v for k, v in {**result, "commit": commit}.items() if k in KEPT}
    with open(out / "history.ndjson", "a") as f:
        f.write(json.dumps(line) + "\n")


def plot(out):
    """build/bench/read.svg and so on: ratios by run."""
    if not shutil.which("gnuplot"):
        return
    runs = [json.loads(line) for line in open(out / "history.ndjson")]
    for suite in SUITES:
        rows = sorted({r for run in runs for r in run["ratios"] if r.startswith(suite)})
        if not rows:
            continue
        data = [" ".join(json.dumps(c) for c in ["run", *rows])]
        for i, run in enumerate(runs):
            label = json.dumps(f"{run['when'][:10]} {run['commit'] or i}")
            data.append(" ".join([label, *(f"{run['ratios'][r]:.4f}" if r in run["ratios"] else "?" for r in rows)]))
        (out / f"{suite}.dat").write_text("\n".join(data) + "\n")
        script = f"""set terminal svg size 1100,600 dynamic background "white"
set output "{suite}.svg"
set datafile missing "?"
set title "{suite}: ratios by run"
set key outside noenhanced
set xtics rotate by -30 noenhanced
set yrange [0:*]
set grid y
plot for [i=2:{len(rows) + 1}] "{suite}.dat" using i:xtic(1) with linespoints title columnheader(i)
"""
        subprocess.run(["gnuplot"], input=script, text=True, cwd=out, check=True, stderr=subprocess.DEVNULL)
