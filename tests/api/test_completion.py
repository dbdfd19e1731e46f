"""bash's completion of computectl: driven as bash drives it, in a shell without a terminal, and at a terminal for what readline makes of it."""
import os
import pathlib
import pty
import select
import socket
import subprocess
import time

import pytest

from client import BINARY, DEADLINE_S, ROOT

COMPUTECTL = str(pathlib.Path(BINARY).resolve().parent / "computectl")
COMPLETION = str(ROOT / "completions" / "computectl.bash")
# compopt works inside of readline only; here it says what it was asked for.
DRIVER = """
source "$1"
compopt() { printf 'compopt %s\\n' "$*"; }
COMP_LINE=$2 COMP_POINT=${#2}
"_computectl" "$3"
[[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\\n' "${COMPREPLY[@]}"
"""
ODD = "odd $(>run) 'q' \"d\" `>run`;>run \\ ! a:b=c & ä"


def environment(url=None, home="/nonexistent"):
    """A quiet shell in a UTF-8 locale, without anybody's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COMPUTED_", "XDG_", "BASH", "LC_"))}
    return {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null", "TERM": "dumb", "COMPUTED_COMPLETION_S": "60",
            **({"COMPUTED_URL": url} if url else {})}


def complete(line, url="http://127.0.0.1:1", directory="/", **settings):
    """What is offered behind `computectl <line>`. Nothing is ever complained of."""
    done = subprocess.run(["bash", "--norc", "--noprofile", "-c", DRIVER, "driver", COMPLETION, f"computectl {line}", COMPUTECTL],
                          env={**environment(url), **settings}, cwd=directory, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, ""), (line, done)
    return sorted(done.stdout.splitlines())


@pytest.fixture
def url(daemon):
    return f"http://{daemon.host}:{daemon.port}"


def verbs():
    """{("vm", "start"): "NAME [--wait]", …}, of `computectl help all`; a verb of one word has an empty second one."""
    text = subprocess.run([COMPUTECTL, "help", "all"], check=True, capture_output=True, text=True).stdout
    lines = []
    for line in text.split("\n\n")[0].splitlines():
        if line.startswith("  computectl "):
            lines.append(line.removeprefix("  computectl "))
        else:
            lines[-1] += " " + line.strip()
    found = {}
    for line in lines:
        first, second, rest = (line + "  ").split(" ", 2)
        found[(first, second) if second[:1].islower() else (first, "")] = rest if second[:1].islower() else f"{second} {rest}"
    return found


# ---- words that the client knows ----
def test_every_verb():
    table = verbs()
    assert len(table) > 60
    nouns = {noun for noun, _ in table}
    assert complete("") == sorted(nouns | {"help"})
    assert complete("help ") == sorted(nouns | {"all"})
    for noun in nouns:
        names = sorted(name for first, name in table if first == noun and name)
        if names:
            assert complete(f"{noun} ") == complete(f"help {noun} ") == names
            assert complete(f"--json {noun} {names[0][:2]}") == [name for name in names if name.startswith(names[0][:2])]
        else:
            assert all(word.startswith("--") for word in complete(f"{noun} ")), noun


GLOBAL = {"--url", "--cacert", "--project", "--all-projects", "--json", "--help", "--version"}


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_every_option(verb):
    wanted = {word.strip("[]().|").split("[")[0] for word in verbs()[verb].split() if word.strip("[(").startswith("--")}
    assert set(complete(" ".join(filter(None, verb)) + " -")) == wanted | GLOBAL


def test_fixed_words():
    assert complete("image create x y --format ") == complete("image create x y --format=") == ["qcow2", "raw"]
    assert complete("vm create x --wait=") == ["ready", "running"] and complete("vm create x --wait=re") == ["ready"]
    assert complete("vm start x --wait=") == []
    assert complete("network create x --kind i") == ["isolated"]
    assert complete("keypair create x --type ") == ["ed25519", "rsa"]
    assert complete("token create --role ") == complete("role grant olga lab ") == ["admin", "member", "reader"]


def test_options_may_stand_anywhere():
    assert complete("--url http://127.0.0.1:1 --json vm sta") == ["start"]
    assert complete("image create x --format raw --property a=b --url http://127.0.0.1:1 y --no-such") == []
    assert complete("vm create x --wait ready --no-s") == ["--no-start"]
    assert complete("-- vm sta") == ["start"] and complete("vm start -- -") == []
    assert complete("help vm start --") == complete("nothing ") == complete("vm nothing ") == []


def test_files():
    for line in ("image create x ", "image create x ./di", "image download x ", "vm create x --user-data ", "vm create x --ssh-key=", "keypair create x --out ",
                 "--cacert "):
        assert complete(line) == ["compopt -o default"], line
    assert complete("image create ") == complete("image import x ") == complete("vm create x --ttl ") == []


# ---- names that the daemon knows ----
def test_names(daemon, url, name):
    daemon.done(daemon.post("/v1/vms", {"name": name, "image": "tiny", "flavor": "small"}))
    daemon.post("/v1/keypairs", {"name": name})
    daemon.add_project(name)
    assert complete("vm show ", url) == complete("vm set --autostart ", url) == complete(f"vm stop {name[:3]}", url) == [name]
    assert complete("vm create x --image ", url) == complete("vm create x --image=t", url) == complete("image show ", url) == ["tiny"]
    assert "small" in complete("vm create x --flavor ", url)
    assert complete("vm create x --keypair ", url) == complete("keypair delete ", url) == [name]
    assert "default" in complete("vm create x --network ", url) and "default" in complete("network delete ", url)
    assert complete("quota set ", url) == complete("--project ", url) == complete("role revoke admin ", url) == ["default", name]
    assert complete("user disable ", url) == complete("role grant ", url) == complete("audit --user ", url) == ["admin"]
    assert complete(f"--project {name} vm show ", url) == [], "the other project's"
    assert complete("vm create ", url) == complete(f"vm image {name} ", url) == complete(f"vm show {name} n", url) == []
    assert complete(f"vm show --url {url} ") == [name], "the line's own address"


# What is typed, how much of it readline keeps, and the quote that it puts behind it.
@pytest.mark.parametrize("typed, kept, closing", [("", "", ""), ("odd", "", ""), ("odd\\ ", "", ""), ("'odd", "'", "'"), ('"odd', '"', '"'), 
                                                  ('odd" ', 'odd"', '"')])
def test_an_odd_name_is_quoted(daemon, url, tmp_path, typed, kept, closing):
    daemon.post("/v1/projects", {"name": ODD})
    offered = [word for word in complete(f"project disable {typed}", url, tmp_path) if word.startswith(("odd", "\\", " "))]
    assert len(offered) == 1
    said = subprocess.run(["bash", "-c", f"printf %s {kept}{offered[0]}{closing}"], env=environment(), cwd=tmp_path, capture_output=True, text=True,
                          timeout=DEADLINE_S)
    assert said.stdout == ODD, (typed, offered, said)
    assert not (tmp_path / "run").exists()


def test_behind_a_closed_quote_nothing_is_offered(daemon, url):
    """What readline would replace there hangs on where the quote was."""
    assert complete("project disable 'def", url) == ["default"]
    assert complete("project disable 'def'", url) == complete("project disable 'd'ef", url) == []
    assert "default" in complete("--project 'default' project disable d", url)


def test_a_dead_daemon_offers_nothing():
    assert complete("vm show ") == complete("vm create x --image ") == []
    assert complete("vm show ", "no address at all") == complete("vm show ", "unix:/nonexistent") == []


def test_a_silent_daemon_is_not_waited_for():
    """The client itself would wait for two minutes."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        began = time.monotonic()
        assert complete("vm show ", f"http://127.0.0.1:{server.getsockname()[1]}", COMPUTED_COMPLETION_S="") == []
        assert time.monotonic() - began < 30


# ---- at a terminal ----
class Terminal:
    """An interactive bash with the completion."""

    def __init__(self, url, directory):
        self.fd, theirs = pty.openpty()
        path = f"{pathlib.Path(COMPUTECTL).parent}:{os.environ['PATH']}"
        self.process = subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], env={**environment(url, directory), "PATH": path}, cwd=directory,
                                        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.type(f"source {COMPLETION}\n")

    def type(self, text):
        """What is shown up to the end of it."""
        os.write(self.fd, text.encode() + b"printf '%s%s\\n' en ded\n")
        shown, end = b"", time.monotonic() + DEADLINE_S
        while b"\r\nended" not in shown:
            readable, _, _ = select.select([self.fd], [], [], max(0.0, end - time.monotonic()))
            assert readable, shown
            shown += os.read(self.fd, 65536)
        return shown.decode(errors="replace")

    def close(self):
        self.process.kill()
        self.process.wait(DEADLINE_S)
        os.close(self.fd)


@pytest.fixture
def terminal(url, tmp_path):
    terminal = Terminal(url, tmp_path)
    yield terminal
    terminal.close()


def test_a_completed_line_does_what_it_says(daemon, terminal, tmp_path, name):
    project = daemon.add_project(f"{name} {ODD}")
    for typed in (name, f"'{name}", f'"{name}', f"{name}\\ o"):
        for verb, enabled in (("disable", False), ("enable", True)):
            shown = terminal.type(f"computectl pro\t{verb[:3]}\t{typed}\t\n")
            assert daemon.get(f"/v1/projects/{project}").json["enabled"] is enabled, (typed, shown)
    assert not (tmp_path / "run").exists()


def test_files_are_completed_by_readline(daemon, terminal, tmp_path, name):
    (tmp_path / "a disk (1)").write_bytes(bytes(1 << 16))
    shown = terminal.type(f"computectl image cr\t{name} --fo\tra\t a\t\n")
    assert daemon.get(f"/v1/images/{name}").status == 200, shown
    shown = terminal.type(f"computectl image download {name} --url=$COMPUTED_URL copy\ncomputectl image delete {name} --wa\t\n")
    assert daemon.get(f"/v1/images/{name}").status == 404, shown
