"""Names of any printable text on a real libvirt: in the domain's title, and nowhere where they could do harm."""
import pytest

from machine import domain_xml, eventually

INSTANCES = "/api/v1/compute/instances"
NAMES = ['名前 & <b>"x"</b>', "\u200fשלום\u202e.exe", "\U0001f5a5" * 255]


@pytest.mark.parametrize("called", NAMES, ids=range(len(NAMES)))
def test_names(daemon, called):
    made = daemon.post(INSTANCES, {"name": called, "flavor": "small", "imageId": "tiny"})
    assert made.status == 201, made
    path = f"{INSTANCES}/{made.json['id']}"
    eventually(lambda: daemon.get(path).json["status"] == "running", "running")
    assert daemon.get(path).json["name"] == called
    domain = domain_xml(made.json["id"])
    assert domain.findtext("title") == called
    assert domain.findtext("name").isascii()
    daemon.boots(made.json["id"])
    assert daemon.post(path + "/stop").json["status"] == "stopped"
    assert daemon.delete(path).status == 204
    assert daemon.get(path).status == 404
