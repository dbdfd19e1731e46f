"""Ready: the guest's own word, once, by its console or its agent."""
import pytest

from client import eventually

LOGIN = b"\r\nDebian GNU/Linux 12 a ttyS0\r\n\r\na login: "
DONE = b"[   14.2] cloud-init[412]: Cloud-init v. 22.4.2 finished at Sat, 21 Nov 2026 12:00:00 +0000. Datasource DataSourceNoCloud. Up 14.2 seconds\r\n"


def console(daemon, vm):
    return daemon.instance(vm["id"]) / "console.log"


def ready(daemon, vm):
    return eventually(lambda: daemon.show(vm["id"])["ready_at"], "it is ready")


@pytest.mark.parametrize("text", [LOGIN, DONE, b"\x00\xff\x1b[2J" * 50 + LOGIN], ids=["login", "cloud-init", "noise"])
def test_the_console_says_so(daemon, name, text):
    vm = daemon.create(name)
    assert vm["ready_at"] is None
    with console(daemon, vm).open("ab") as log:
        log.write(b"SeaBIOS\r\nbooting\r\n")
        log.write(text)
    at = ready(daemon, vm)
    assert at >= vm["created_at"]
    assert [payload["by"] for payload in daemon.events("vm.ready", vm["id"])] == ["console"]
    assert daemon.get("/v1/vms", name=name).json["vms"][0]["ready_at"] == at


def test_the_agent_says_so(daemon, name):
    vm = daemon.create(name)
    (daemon.domains / f"agent-{vm['id']}").touch()
    ready(daemon, vm)
    assert [payload["by"] for payload in daemon.events("vm.ready", vm["id"])] == ["agent"]


def test_it_is_said_once(daemon, name):
    vm = daemon.create(name)
    console(daemon, vm).write_bytes(LOGIN)
    at = ready(daemon, vm)
    (daemon.domains / f"agent-{vm['id']}").touch()
    daemon.act(name, "reboot", {"force": True})
    with console(daemon, vm).open("ab") as log:
        log.write(DONE)
    other = daemon.create(f"{name}-b")
    console(daemon, other).write_bytes(DONE)
    ready(daemon, other)                       # whoever watches has seen both by now
    assert daemon.show(name)["ready_at"] == at
    assert len(daemon.events("vm.ready", vm["id"])) == 1


@pytest.mark.parametrize("text", [b"Password login: denied? no login here", b"cloud-init finished at last", b"login", b"Cloud-init v. 22.4.2 running"])
def test_other_words_say_nothing(daemon, name, text):
    vm, other = daemon.create(name), daemon.create(f"{name}-b")
    console(daemon, vm).write_bytes(b"x " + text + b"\r\n")
    console(daemon, other).write_bytes(LOGIN)
    ready(daemon, other)
    assert daemon.show(name)["ready_at"] is None


def test_a_word_while_the_daemon_is_away(own):
    vm = own.create("a")
    own.stop()
    console(own, vm).write_bytes(LOGIN)
    own.start()
    ready(own, vm)
    assert len(own.events("vm.ready", vm["id"])) == 1
