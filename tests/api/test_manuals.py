"""The manual pages against the programs, both ways: what there is, is described, and what is described, there is."""
import grp
import html.parser
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from client import BINARY, DEADLINE_S, ROOT

COMPUTECTL = str(pathlib.Path(BINARY).parent / "computectl")
PAGES = [ROOT / "man" / name for name in ("computed.8", "computed.conf.5", "computectl.1")]
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("COMPUTED_")}


class Page(html.parser.HTMLParser):
    """entries: of each <dt> its section, how deep in lists it lies, and its text."""

    def __init__(self, path):
        super().__init__()
        self.entries, self.section, self.depth, self.text = [], "", 0, None
        self.feed(subprocess.run(["mandoc", "-T", "html", path], check=True, capture_output=True, text=True).stdout)

    def handle_starttag(self, tag, attributes):
        self.depth += tag == "dl"
        if tag in ("dt", "h1"):
            self.text = ""

    def handle_endtag(self, tag):
        self.depth -= tag == "dl"
        if tag not in ("dt", "h1"):
            return
        text, self.text = " ".join(self.text.split()), None
        if tag == "h1":
            self.section = text
        else:
            self.entries.append((self.section, self.depth, text))

    def handle_data(self, data):
        if self.text is not None:
            self.text += data

    def of(self, *sections, depth=1):
        return [text for section, d, text in self.entries if section in sections and d == depth]


def told(*words, binary=BINARY, status=0, **settings):
    done = subprocess.run([binary, *words], env={**ENVIRONMENT, **settings}, capture_output=True, text=True, timeout=DEADLINE_S)
    assert status is None or done.returncode == status, (words, done)
    return done.stdout + done.stderr


def same(described, there_is):
    assert len(described) == len(set(described)), "something is described twice"
    assert sorted(described) == sorted(there_is)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_formatter_complains(page):
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
    assert (lint.returncode, lint.stdout) == (0, "")
    shown = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], env={**ENVIRONMENT, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
                           capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "SEE ALSO" in shown.stdout and max(map(len, shown.stdout.splitlines())) <= 80
    for name, section in re.findall(r"^\.Xr (comput\S+) (\d)", page.read_text(), re.MULTILINE):
        assert ROOT / "man" / f"{name}.{section}" in PAGES


# ---- computed.conf(5) ----
def time_text(ms):
    unit, name = next((unit, name) for unit, name in ((86400000, "d"), (3600000, "h"), (60000, "min"), (1000, "s"), (1, "ms")) if ms % unit == 0)
    return "0s" if ms == 0 else f"{ms // unit}{name}"


def kind(key):
    """What the program says that it wants."""
    complaint = told("--check-config", status=None, **{f"COMPUTED_{key.upper()}": "?"})
    if match := re.search(r"is not a time .* from (\d+) to (\d+) ms", complaint):
        return "time from {} to {}".format(*(time_text(int(ms)) for ms in match.groups()))
    if match := re.search(r"is not a ((?:number|ratio) from [\d.]+ to [\d.]+)", complaint):
        return match.group(1)
    if match := re.search(r"is none of: (.*)", complaint):
        return " or ".join(match.group(1).rsplit(", ", 1))
    return "text"


def test_every_key_with_default_and_range(tmp_path):
    """A copy of the program, for one in a build tree has that tree's templates."""
    program = tmp_path / "a" / "b" / "c" / "computed"
    program.parent.mkdir(parents=True)
    shutil.copy(BINARY, program)
    defaults = re.findall(r"^(\w+) =(.*)$", told("--print-config", binary=program), re.MULTILINE)
    assert len(defaults) > 40
    described = [text for _, _, text in Page(ROOT / "man" / "computed.conf.5").entries if " =" in text]
    same(described, [f"{key} ={value.rstrip()} ({kind(key)})" for key, value in defaults])


def examples(page):
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", page.read_text().split(".Sh EXAMPLES")[1], re.MULTILINE | re.DOTALL)
    assert blocks
    return blocks


def test_the_examples_of_configuration_are_good(tmp_path):
    """But for the group, which the package makes: one of this host stands for it."""
    group = next(entry.gr_name for entry in grp.getgrall() if entry.gr_gid != 0)
    for block in examples(ROOT / "man" / "computed.conf.5"):
        file = tmp_path / "computed.conf"
        file.write_text(re.sub(r"^(admin_group *= *)computed$", rf"\g<1>{group}", block, flags=re.MULTILINE))
        assert "is good" in told("--check-config", "--config", file)


# ---- computed(8) ----
def options(line):
    """"-c, --config FILE" and "-c FILE, --config FILE" are the same two words."""
    return " ".join(sorted(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", line)))


def help_options(*words):
    screen = told(*words, "--help")
    assert screen.count("\n") < 24 and max(map(len, screen.splitlines())) <= 80
    return [options(line.split("  ")[1 if line.startswith("  -") else 3]) for line in screen.splitlines() if re.match(r"  (  )*-", line)]


def test_computed_options_and_commands():
    page = Page(ROOT / "man" / "computed.8")
    same([options(text) for text in page.of("DESCRIPTION")], help_options())
    commands = re.findall(r"^ +computed (\w+)", told("--help"), re.MULTILINE)
    same([text.split()[0] for text in page.of("COMMANDS")], commands)
    same(sorted(set(map(options, page.of("COMMANDS", depth=2)))), set(help_options("doctor") + help_options("init")))
    for command in commands:
        assert command in told(command, "--help"), command


# ---- computectl(1) ----
def synopses():
    lines = []
    for line in told("help", "all", binary=COMPUTECTL).splitlines():
        if line.startswith("  computectl "):
            lines.append(line.removeprefix("  computectl "))
        elif line.startswith("      "):
            lines[-1] += " " + line.strip()
    return lines


def test_every_verb_with_its_options():
    page = Page(ROOT / "man" / "computectl.1")
    *verbs, every = synopses()
    assert len(verbs) > 60 and every.startswith("... ")
    same(page.of("VERBS"), verbs)
    described = set(" ".join(map(options, page.of("OPTIONS"))).split())
    assert set(options(every).split()) <= described
    assert described <= set(" ".join(map(options, synopses())).split()) | {"-h"}


def test_what_the_environment_says():
    """Each variable of the pages is one that the sources read."""
    sources = "".join(path.read_text() for folder in ("src/cli", "completions") for path in (ROOT / folder).iterdir())
    for name in Page(ROOT / "man" / "computectl.1").of("ENVIRONMENT"):
        for word in name.split(", "):
            assert word in sources, word
    same([name for name in Page(ROOT / "man" / "computectl.1").of("ENVIRONMENT") if "COMPUTED" in name], set(re.findall(r"\bCOMPUTED_(?!VERSION)[A-Z_]+\b", sources)))
