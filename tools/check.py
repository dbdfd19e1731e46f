#!/usr/bin/python3
"""check.py [--golden] [SUITE...]: what `make check` runs, with the time that each suite took.

Runs every suite even when one fails. The last line is "N passed, N failed": tests of Check programs and pytest; a suite without tests of
its own (a build, a lint) counts as one. Logs lie in build/check/; the end of a failed one is shown."""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "check"
JOBS = f"-j{os.cpu_count()}"
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-ra", "--color=no"]
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:halt_on_error=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/lib/tsan.supp",
}
BOUND_S = 1200
WAITING = ["test_clock.py", "test_deadlines.py", "test_doctor_histories.py", "test_image_strace.py"]  # that take time, not memory
TROUBLE = ["test_hangs.py", "test_disks.py"]  # minutes of hanging libvirtds and full disks
MEMCHECK_ROOMS = ("job_", "core_", "disk_", "store_")
# Valgrind 3.19 has no pidfd_open, by which children are watched; each of a hundred deaths would be one of a valgrind.
NOT_MEMCHECKED = {"disk_child", "disk_foreign", "disk_transfer", "job_crash"}
TAIL_LINES = 60
LANES = 2  # most of these compute more than they wait
CRASH_LANES = API_LANES = 3  # death, recovery and deadlines are waited for


@dataclasses.dataclass
class Result:
    passed: int = 0
    failed: int = 0
    seconds: float = 0
    logs: list = dataclasses.field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.logs += other.logs


class Ticker:
    """Says on stderr what is being done, from the third second on."""

    def __init__(self, text):
        self.text, self.last, self.over = text, "", threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _run(self):
        began, on_terminal = time.monotonic(), sys.stderr.isatty()
        wait = 2
        while not self.over.wait(wait):
            spent = time.monotonic() - began
            line = f"  {self.text}: {spent:.0f} s  {self.last}"
            print("\r\033[K" + line[:118] if on_terminal else line, end="" if on_terminal else "\n", file=sys.stderr, flush=True)
            wait = 1 if on_terminal else 20


def run(name, command, environment=None, bound_s=BOUND_S):
    """Exit status and output of one command; a process group of its own, which is ended when the time is over."""
    log = LOGS / (re.sub(r"[^A-Za-z0-9_.-]+", "-", name) + ".log")
    with open(log, "w") as out, Ticker(name) as ticker:
        print("$ " + shlex.join(map(str, command)), file=out, flush=True)
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env={**os.environ, **(environment or {})}, text=True, errors="replace", start_new_session=True)
        timer = threading.Timer(bound_s, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        try:
            for line in process.stdout:
                out.write(line)
                ticker.last = line.strip()
            status = process.wait()
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGTERM)
            raise
        finally:
            timer.cancel()
    return status, log.read_text(), log


def together(*results):
    total = Result()
    for result in results:
        total.add(result)
    return total


def in_lanes(work, items, count=LANES):
    with concurrent.futures.ThreadPoolExecutor(count) as lanes:
        return together(*lanes.map(work, items))


def test_files(folder, without=()):
    """The large ones tend to take long, so they begin."""
    files = [p for p in (ROOT / "tests" / folder).glob("test_*.py") if p.name not in without]
    return sorted(files, key=lambda p: -p.stat().st_size)


def single(name, command):
    """A build or a lint: it is fine or it is not."""
    status, _, log = run(name, command)
    return Result(passed=int(status == 0), failed=int(status != 0), logs=[] if status == 0 else [log])


def build(variant, *targets):
    return single(f"build {variant}", ["make", "-s", "--no-print-directory", JOBS, f"V={variant}", *targets])


def check_program(variant, program, environment, before=()):
    """Counts from Check's own summary; a program that ends without one has failed."""
    status, text, log = run(f"{variant} {program.parent.name} {program.name}", [*before, program], environment)
    match = re.search(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", text, re.MULTILINE)
    checks, failures, errors = map(int, match.groups()) if match else (0, 0, 0)
    failed = failures + errors
    if status != 0 and failed == 0:
        failed = 1
    return Result(passed=checks - failures - errors, failed=failed, logs=[log] if failed else [])


def check_programs(variant, *kinds, environment=None):
    """Check programs of tests/unit and tests/contract, built and run."""
    result = build(variant, *kinds)
    if result.failed:
        return result
    base = ROOT / "build" / variant / "tests"
    sources = sorted(p for kind in kinds for p in (ROOT / "tests" / kind).glob("*_*.c"))
    result.add(in_lanes(lambda p: check_program(variant, base / p.parent.name / p.stem, {**SANITIZERS, **(environment or {})}), sources))
    return result


def valgrind():
    """Memory that is lost, or used before it was written, which the sanitizers do not see."""
    before = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]
    programs = [p for p in sorted((ROOT / "tests" / "unit").glob("*.c")) if p.stem.startswith(MEMCHECK_ROOMS) and p.stem not in NOT_MEMCHECKED]
    result = build("test", "unit")
    result.add(in_lanes(lambda p: check_program("valgrind", ROOT / "build" / "test" / "tests" / "unit" / p.stem,
                                                {"CK_TIMEOUT_MULTIPLIER": "20"}, before), [] if result.failed else programs))
    return result


def pytest(name, command, environment=None):
    status, text, log = run(name, command, {**SANITIZERS, **(environment or {})})
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", text.rsplit("\n", 2)[-2])}
    failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0) + counts.get("skipped", 0)
    if status != 0 and failed == 0:
        failed = 1
    return Result(passed=counts.get("passed", 0), failed=failed, logs=[log] if failed else [])


def api(variant="test", without=()):
    result = build(variant, "all")
    if not result.failed:
        environment = {"COMPUTED_BIN": f"{ROOT}/build/{variant}/computed"}
        result.add(in_lanes(lambda p: pytest(f"{variant} api {p.stem}", [*PYTEST, p], environment), test_files("api", without), API_LANES))
    return result


def doctor_histories():
    result = build("test", "all")
    if not result.failed:
        result.add(pytest("doctor histories", [*PYTEST, "tests/api/test_doctor_histories.py"],
                          {"COMPUTED_BIN": f"{ROOT}/build/test/computed", "DOCTOR_HISTORIES": os.environ.get("DOCTOR_HISTORIES", "500")}))
    return result


def as_root(*command):
    return [*([] if os.geteuid() == 0 else ["sudo", "-E"]), *command]


def guest_and_build():
    # The guest before the namespaces: there is no way out of them to its packages.
    return together(build("test", "all"), single("guest image", ["tools/mkimage-tiny.sh"]))


def in_namespaces(name, *tests, environment=None):
    result = guest_and_build()
    if not result.failed:
        result.add(pytest(name, as_root("tests/lib/private_libvirt.py", *PYTEST, *tests), environment))
    return result


def e2e():
    """Each file in namespaces of its own."""
    result = guest_and_build()
    if not result.failed:
        result.add(in_lanes(lambda p: pytest(f"e2e {p.stem}", as_root("tests/lib/private_libvirt.py", *PYTEST, p)), test_files("e2e", TROUBLE)))
    return result


def crash(name, *before):
    """A thin sample of the crash matrix and short random histories, in lanes, for waiting is most of it; `make crash` is the whole of it."""
    def lane(number):
        tests = "tests/crash/test_matrix.py" if number > 0 else "tests/crash"
        return pytest(f"{name} {number}", [*before, *PYTEST, tests], {"CRASH_SLICE": f"{number}/{CRASH_LANES}"})
    result = build("test", "all")
    if not result.failed:
        result.add(in_lanes(lane, range(CRASH_LANES), CRASH_LANES))
    return result


def cloud_image():
    debian = single("Debian cloud image", as_root("tools/mkimage-debian.sh"))
    return debian if debian.failed else together(debian, in_namespaces("cloud image", "tests/e2e/cloud_image.py"))


def fuzz_corpora(variant):
    result = build(variant, "fuzzers")
    if result.failed:
        return result
    for source in sorted((ROOT / "tests" / "fuzz").glob("*.c")):
        corpus = sorted((ROOT / "tests" / "fuzz" / "corpus" / source.stem).iterdir())
        status, text, log = run(f"{variant} corpus {source.stem}", [ROOT / "build" / variant / "tests" / "fuzz" / source.stem, *corpus], SANITIZERS)
        # requests.c: a new route wants an input that reaches its handler
        fine = status == 0 and f"{len(corpus)} inputs replayed" in text and "never reached" not in text
        result.add(Result(passed=int(fine), failed=int(not fine), logs=[] if fine else [log]))
    return result


def vagrant():
    """What comes with the box, on a clean Debian that first proves itself; the box itself wants a host with Vagrant and KVM."""
    return together(pytest("machine", as_root(*PYTEST, "tests/machine")),
                    in_lanes(lambda p: pytest(f"vagrant {p.stem}", as_root(*PYTEST, p)), test_files("vagrant")))


def deb():
    """The packages, and what becomes of a clean Debian that they are installed on."""
    result = together(single("packages", ["tools/deb.sh"]), single("guest image", ["tools/mkimage-tiny.sh"]))
    if not result.failed:
        result.add(pytest("deb", as_root(*PYTEST, "tests/deb")))
    return result


def scripts():
    return single("shellcheck", ["shellcheck", "-x", *sorted(str(p.relative_to(ROOT)) for p in shell_scripts())])


def shell_scripts():
    for folder in ("tools", ".ci", "tests", "completions", "vagrant", "debian"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and (path.suffix in (".sh", ".bash") or path.read_bytes()[:7] == b"#!/bin/"):
                yield path


SUITES = {
    "build": lambda: together(build("release", "all"), build("test", "all", "unit", "contract")),
    "clang": lambda: build("clang", "all", "unit", "contract"),
    "unit": lambda: check_programs("test", "unit", "contract"),
    "source": lambda: together(single("check-source", ["tools/check_source.py"]), single("check-packaging", ["tools/check_packaging.py"]),
                               scripts()),
    "api": api,
    "crash": lambda: crash("crash"),
    "e2e": e2e,
    "asan": lambda: together(check_programs("asan", "unit", "contract"), fuzz_corpora("asan"), api("asan", WAITING)),
}
ON_DEMAND = {
    "cloud-image": cloud_image,
    "crash-libvirt": lambda: crash("crash on libvirt", *as_root("tests/lib/private_libvirt.py")),
    "trouble": lambda: in_namespaces("trouble", *(f"tests/e2e/{name}" for name in TROUBLE)),
    "doctor-histories": doctor_histories,
    # Every address that a hundred creates and deletes in a row promise is the guest's; `e2e` does six of them.
    "addresses": lambda: in_namespaces("addresses", "tests/e2e/test_login.py", "-k", "every_address", environment={"COMPUTED_CREATES": "100"}),
    "deb": deb,
    "valgrind": valgrind,
    "vagrant": vagrant,
    "tsan": lambda: together(check_programs("tsan", "unit", "contract"), api("tsan", ["test_image_strace.py"])),  # it opens files of its own
}


def show_failures(result):
    for log in result.logs:
        lines = log.read_text().splitlines()
        print(f"\n---- the end of {log.relative_to(ROOT)} ----")
        print("\n".join(lines[-TAIL_LINES:]))
    if result.logs:
        print()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", action="store_true", help="rewrite golden files instead of comparing")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join([*SUITES, *ON_DEMAND]))
    arguments = parser.parse_args()
    if unknown := set(arguments.suites) - set(SUITES) - set(ON_DEMAND):
        parser.error(f"no such suite: {', '.join(unknown)}")
    if arguments.golden:
        os.environ["COMPUTED_GOLDEN"] = "write"
    LOGS.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in arguments.suites or SUITES:
        began = time.monotonic()
        results[name] = {**SUITES, **ON_DEMAND}[name]()
        results[name].seconds = time.monotonic() - began
        show_failures(results[name])
        print(f"{name:10} {results[name].passed:6} passed {results[name].failed:4} failed {results[name].seconds:8.1f} s", flush=True)
    total = together(*results.values())
    seconds = sum(r.seconds for r in results.values())
    print(f"\n{'suite':10} {'passed':>7} {'failed':>7} {'seconds':>9}")
    for name, result in results.items():
        print(f"{name:10} {result.passed:7} {result.failed:7} {result.seconds:9.1f}")
    print(f"{'all':10} {total.passed:7} {total.failed:7} {seconds:9.1f}\n")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
