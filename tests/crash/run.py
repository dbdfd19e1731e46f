#!/usr/bin/python3
"""run.py: the whole crash matrix, on the fake hypervisor and on private libvirts, and docs/crash-matrix.md from it. `make crash`.

Waiting is most of it, so slices of the operations run side by side: CRASH_FAKE_SLICES (3) and CRASH_REAL_SLICES (2). CRASH_REAL_EVERY (2): on the
private libvirts only every so many of the cases, beginning elsewhere in each operation. CRASH_FAKE_EVERY (1) is the same for the fake."""
import json
import os
import pathlib
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = ROOT / "build" / "crash"
PAGE = ROOT / "docs" / "crash-matrix.md"
FAULTS = ("die", "die twice", "error", "libvirtd", "both")
HEADS = ("killed", "killed twice", "error", "libvirtd killed", "both killed")
STEP_S = 0.5  # times are rounded up to it: two runs differ little

INTRODUCTION = """# The crash matrix

Written by `make crash`; do not edit. Each operation is asked for, and at one of the failpoints that it passes one thing goes wrong:

- **killed**: `computed` is ended by kill -9 at the point, and started again
- **killed twice**: and again at some pass of the recovery, another one in each case
- **error**: the effect at the point fails, once
- **libvirtd killed**: `computed` is stopped at the point, libvirtd is ended by kill -9, `computed` goes on; libvirtd is started when it was missed
- **both killed**: libvirtd and `computed`, at the same point

Then, within 10 s and without any help: every operation has ended; what was acknowledged is there (or an error with its fault), or gone; nothing has a
transient state; `GET /v1/doctor` finds nothing. Then everything is deleted, and domains, networks, files and rows are as they were at first.

A point that is passed several times is used at its first and its last pass. **points** is how many an operation passes, **passes** how often in all; cells
are cases that held of cases that were run; **slowest** is the longest time from the restart (of the daemon, of libvirtd, or from the error) until all of
that was true.
"""
REAL = """
## On libvirt and QEMU

Private ones. The points inside transactions are left to the fake: before its commit nothing of a transaction has happened.
"""


def in_namespaces(command):
    return [*([] if os.geteuid() == 0 else ["sudo", "-E"]), str(ROOT / "tests" / "lib" / "private_libvirt.py"), *command]


def begin(is_real, number, count, every):
    """One slice; its results will lie in the file."""
    name = f"{'real' if is_real else 'fake'}-{number}"
    out = OUT / f"{name}.json"
    out.unlink(missing_ok=True)
    command = ["/usr/bin/python3", str(HERE / "matrix.py"), "--slice", f"{number}/{count}", "--every", str(every), "--out", str(out)]
    if is_real:
        command = in_namespaces([*command, "--real"])
    with open(OUT / f"{name}.log", "w") as log:
        environment = {**os.environ, "CRASH_LOGS": str(OUT / "logs")}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT), out


def slices(is_real, count, every):
    return [begin(is_real, number, count, every) for number in range(count)]


def results(files):
    """By operation, in the order of the table of operations."""
    sys.path.insert(0, str(HERE))
    from operations import OPERATIONS
    found = {r["operation"]: r for file in files if file.exists() for r in json.loads(file.read_text())}
    return [found[o.name] for o in OPERATIONS if o.name in found], [o.name for o in OPERATIONS if o.name not in found]


def rounded(seconds):
    return f"{-(-seconds // STEP_S) * STEP_S:.1f} s"


def table(records, faults):
    yield "| operation | points | passes | " + " | ".join(HEADS[FAULTS.index(f)] for f in faults) + " | slowest |"
    yield "|---|--:|--:|" + "--:|" * (len(faults) + 1)
    for r in records:
        cells = [f"{r['passed'].get(f, 0)}/{r['total'].get(f, 0)}" for f in faults]
        yield f"| {r['operation']} | {r['points']} | {r['passes']} | " + " | ".join(cells) + f" | {rounded(r['slowest_s'])} |"
    sums = [f"{sum(r['passed'].get(f, 0) for r in records)}/{sum(r['total'].get(f, 0) for r in records)}" for f in faults]
    yield f"| **all** | | | {' | '.join(sums)} | {rounded(max((r['slowest_s'] for r in records), default=0))} |"


def remarks(records, missing, every):
    passed, total, unreached = (sum(sum(r[key].values()) for r in records) for key in ("passed", "total", "unreached"))
    yield f"\n{passed} of {total} held."
    if every > 1:
        yield f"This is a sample: one of {every} cases, beginning elsewhere in each operation."
    if unreached:
        yield f"{unreached} cases are not counted: their point was not passed that time."
    if missing:
        yield f"Not run: {', '.join(missing)}."
    for r in records:
        for f in r["failures"]:
            yield f"\n- {f.splitlines()[0][:200]}"


def page(fake, real, fake_every, real_every):
    lines = [INTRODUCTION, "## On the fake hypervisor\n", *table(fake[0], FAULTS[:3]), *remarks(*fake, fake_every), REAL, *table(real[0], FAULTS),
             *remarks(*real, real_every)]
    return "\n".join(lines) + "\n"


def main():
    fake_every, real_every = int(os.environ.get("CRASH_FAKE_EVERY", "1")), int(os.environ.get("CRASH_REAL_EVERY", "2"))
    OUT.mkdir(parents=True, exist_ok=True)
    fakes = slices(False, int(os.environ.get("CRASH_FAKE_SLICES", "3")), fake_every)
    reals = slices(True, int(os.environ.get("CRASH_REAL_SLICES", "2")), real_every)
    try:
        codes = [process.wait() for process, _ in fakes + reals]
    except BaseException:
        for process, _ in fakes + reals:
            process.send_signal(signal.SIGTERM)
        raise
    fake, real = results([file for _, file in fakes]), results([file for _, file in reals])
    PAGE.write_text(page(fake, real, fake_every, real_every))
    for log in sorted(OUT.glob("*.log")):
        print(f"---- {log.relative_to(ROOT)}\n{log.read_text()}")
    print(f"docs/crash-matrix.md is written; the slices ended with {codes}")
    return 1 if any(codes) or fake[1] or real[1] else 0


if __name__ == "__main__":
    sys.exit(main())
